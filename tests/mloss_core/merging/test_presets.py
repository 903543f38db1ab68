import pytest

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.merging import check_recipe, describe
from mloss_core.merging.presets import PRESETS, get_preset, presets_of, read_presets
from mloss_core.recipe import MLossOptions, Recipe

GOOD = 'project: P\nurl: https://p\npresets:\n  "a@p": {recipe: {method: ties}, note: "N."}\n'


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_checked_recipe_with_its_source_and_a_sentence(name):
    preset = PRESETS[name]
    check_recipe(preset.recipe)
    assert describe(preset.recipe) and preset.project and preset.url.startswith("https://")
    assert preset.note.endswith(".") and "@" in name and preset.note[0].isupper()
    assert not preset.tuned or hasattr(check_recipe(preset.recipe)[1], "scale")


def test_the_settings_of_the_projects():
    assert PRESETS["ties@adamerging"].recipe.options["merge"] == "sum"
    assert PRESETS["ties@adamerging"].recipe.options["scale"] == 0.3
    assert dict(PRESETS["ties@mergeability"].recipe.options) == {
        "keep_rate": 0.2,
        "scope": "tensor",
        "merge": "mean",
        "scale": 0.3,
    }
    scales = [PRESETS[f"iso_c@iso_merging/ViT-B-32/{count}"].recipe.options["scale"] for count in (8, 14, 20)]
    assert scales == [1.3, 1.0, 0.9]
    assert PRESETS["m_ties@mloss/code"].recipe.mloss == MLossOptions.preset("reference")
    assert PRESETS["task_arithmetic@mloss"].recipe.options["scale"] * 8 == pytest.approx(1.8)
    assert {preset.name for preset in presets_of("emr")} == {"emr_merging@fusion_bench", "emr@mloss"}


def test_an_unknown_preset_names_its_likes():
    with pytest.raises(UnknownNameError, match="unknown preset 'ties@adamergin': did you mean 'ties@adamerging'"):
        get_preset("ties@adamergin")
    with pytest.raises(UnknownNameError, match="unknown preset 3"):
        get_preset(3)


def test_a_sum_instead_of_a_mean_of_what_agrees():
    import torch

    from mloss_core.merging import merge_state_dicts

    base = {"w": torch.zeros(1, 3)}
    models = [{"w": torch.tensor([[1.0, -3.0, 2.0]])}, {"w": torch.tensor([[3.0, 1.0, 0.0]])}]
    summed = merge_state_dicts(base, models, method="ties", keep_rate=1.0, merge="sum", scale=0.5)["w"]
    assert summed.tolist() == [[2.0, -1.5, 1.0]]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("project: P\n", "must hold presets, project, url"),
        (GOOD.replace("note", "remark"), "a@p must be new, with"),
        (GOOD + '  "a@p": {recipe: {method: ties}, note: "N."}\n', "found 'a@p' twice"),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, text, words):
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(InvalidOptionError, match=words):
        read_presets(tmp_path)
    (tmp_path / "p.yaml").write_text(GOOD)
    assert read_presets(tmp_path)["a@p"].recipe == Recipe(method="ties")
