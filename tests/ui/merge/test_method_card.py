from mloss_core.recipe import Recipe
from ui.merge.method_card import cost_words, published_lines
from ui.merge.presets import preset_label, same_merge


def test_published_lines_name_source_backbone_and_tasks():
    lines = published_lines("iso_cts")
    assert lines[0].endswith("ViT-B/32: 86.2 (8 tasks), 81.7 (14 tasks), 78.1 (20 tasks)")
    assert lines[0].startswith("- [Isotropic Model Merging, Table 1](https://")
    assert len(lines) == 7 and published_lines("m_dare") == []


def test_the_cost_is_measured_or_not():
    assert "took 1.50 s" in cost_words(1.5) and "Not measured" in cost_words(None)


def test_a_preset_is_the_same_merge_whatever_models_and_seed():
    preset = Recipe(method="ties", options={"keep_rate": 0.2, "scale": 0.3})
    assert same_merge(preset, Recipe(method="ties", options={"scale": 0.3}, tasks=("a", "b"), seed=3))
    assert not same_merge(preset, Recipe(method="ties"))
    assert not same_merge(preset, Recipe(method="ties", options={"scale": 9.0}))
    assert preset_label("ties@adamerging") == "TIES · ties@adamerging"
