import json

import pytest

from mloss_core.cli import main
from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.published.scales import BY_BACKBONE, COUNTS, FIXED, published_scale, without_images
from mloss_core.merging import METHODS
from mloss_core.recipe import Recipe


@pytest.mark.parametrize(
    ("backbone", "models", "scale"),
    [
        ("ViT-B-32", 8, 1.3),
        ("ViT-B-32", 14, 1.0),
        ("ViT-B-32", 20, 0.9),
        ("ViT-L-14", 8, 1.5),
        ("ViT-B-16", 2, 1.4),
        ("ViT-B-32", 11, 1.3),
        ("ViT-B-32", 99, 0.9),
    ],
)
def test_iso_c_takes_the_papers_optimum_of_the_nearest_number_of_models(backbone, models, scale):
    assert published_scale("iso_c", backbone, models)[0] == scale


def test_another_encoder_is_told_whose_scale_it_takes():
    scale, words = published_scale("iso_cts", "vision transformer", 8)
    assert scale == 1.5 and "as published for ViT-B/32 and 8 models; none is for vision transformer" in words


def test_every_scale_is_one_that_the_method_takes():
    for name, (scale, source) in FIXED.items():
        field = METHODS[name].options_type.__dataclass_fields__["scale"]
        assert 0 < scale <= field.metadata["maximum"] and source.startswith("https://")
    assert all(len(scales) == len(COUNTS) for table, _ in BY_BACKBONE.values() for scales in table.values())


def test_a_recipe_s_own_scale_stays():
    own = Recipe(method="iso_c", options={"scale": 0.7})
    assert without_images(own, "ViT-B-32", 8) == (own, "iso_c: scale 0.7, as the recipe says.")
    found, words = without_images(Recipe(method="iso_c", options={"beta": 0.5}), "ViT-B-32", 8)
    assert found.options == {"beta": 0.5, "scale": 1.3} and words.startswith("iso_c: scale 1.3, as published")
    assert without_images(Recipe(method="average"), "ViT-B-32", 8)[0] == Recipe(method="average")


def test_what_nobody_reports_is_refused():
    with pytest.raises(InvalidOptionError, match="no published scale of breadcrumbs is known"):
        published_scale("breadcrumbs", "ViT-B-32", 8)


def test_the_command_line_says_which_scale_it_took(capsys):
    arguments = ["evaluate", "--method", "magmax", "--no-data", "--limit", "5", "--tasks", "digits,letters"]
    assert main([*arguments, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    row = next(row for row in answer["rows"] if row["kind"] == "merged")
    assert row["recipe"]["options"]["scale"] == 0.6 and "as published" in answer["scales"][0]
    assert main([*arguments, "--tune"]) == 2
    assert "--no-data and --tune" in capsys.readouterr().err
