import json

import pytest

from mloss_core.errors import InvalidOptionError
from mloss_core.merging.run_files import RunFile, read_recipe, read_run
from mloss_core.recipe import Recipe


def test_a_run_says_everything(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(
        "zoo: demo\ntasks: [digits, signs]\nsplit: val\ntune: false\nchoose_by: expert_kl\nimages: 16\nsource: val\n"
        "recipes:\n- preset: ties@adamerging\n"
        "- {method: average, tasks: [digits]}\n- method: average\n"
    )
    run = read_run(path)
    assert (run.zoo, run.tasks, run.split, run.tune) == ("demo", ("digits", "signs"), "val", False)
    assert (run.choose_by, run.images, run.source) == ("expert_kl", 16, "val")
    assert [recipe.tasks for recipe in run.recipes] == [("digits", "signs"), ("digits",), ("digits", "signs")]
    assert run.recipes[0].options["merge"] == "sum"
    path = tmp_path / "run.json"
    path.write_text(json.dumps({"recipes": [{"method": "ties"}]}))
    assert read_run(path) == RunFile(recipes=(Recipe(method="ties"),))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({}, "a run holds zoo, tasks, split, recipes, tune, choose_by, images, source; found no 'recipes'"),
        ({"recipes": []}, "found no 'recipes'"),
        ({"recipes": [{"method": "ties"}], "seed": 1}, "found unknown 'seed'"),
        ({"recipes": {"method": "ties"}}, "recipes of a run must be a list of recipes"),
        ({"recipes": [{"method": "ties"}], "tune": 1}, "tune of a run must be true or false; found 1"),
        ({"recipes": [{"method": "ties"}], "choose_by": 1}, "choose_by of a run must be the name of a criterion"),
        ({"recipes": [{"method": "ties"}], "images": True}, "images of a run must be a whole number; found True"),
        ({"recipes": [{"method": "ties"}], "split": "train"}, "split of a run must be test or val; found 'train'"),
        ({"recipes": [{"method": "ties"}], "tasks": [1]}, "tasks of a run must be a list of names"),
        ({"recipes": [{"method": "ties"}], "tasks": []}, "tasks of a run must be a list of names"),
        ({"recipes": ["ties"]}, "recipe 1: it must be an object; found 'ties'"),
        ({"recipes": [{"method": "ties"}, {"method": "tise"}]}, "recipe 2: unknown method 'tise'"),
        ({"recipes": [{"method": "ties", "options": {"keep_rate": 2}}]}, "recipe 1: keep_rate must be from 0 to 1"),
        ({"recipes": [{"preset": "x"}]}, "recipe 1: unknown preset 'x'"),
        ({"recipes": [{"preset": "ties@adamerging", "seed": 1}]}, "recipe 1: a preset stands alone"),
    ],
)
def test_what_a_run_must_not_be(tmp_path, values, words):
    path = tmp_path / "run.json"
    path.write_text(json.dumps(values))
    with pytest.raises(InvalidOptionError, match=words) as caught:
        read_run(path)
    assert str(caught.value).startswith(str(path))


def test_recipe_files(tmp_path):
    (tmp_path / "r.yml").write_text("method: ties\nseed: 3\n")
    (tmp_path / "r.json").write_text('{"method": "ties", "seed": 3}')
    assert read_recipe(tmp_path / "r.yml") == read_recipe(tmp_path / "r.json") == Recipe(method="ties", seed=3)
    (tmp_path / "r.yml").write_text("methods: ties\n")
    with pytest.raises(InvalidOptionError, match=r"r.yml: a recipe holds method, .*; found unknown 'methods'"):
        read_recipe(tmp_path / "r.yml")
