"""Requests: a closed schema, and one spelling for what means the same."""

import dataclasses

import pytest

from mloss_core.errors import InvalidOptionError, MLossCoreError, UnknownNameError
from mloss_core.lab.job_types import JOB_TYPES
from mloss_core.lab.requests import canonical
from mloss_core.recipe import MLossOptions, Recipe
from tests.mloss_core.lab.fakes import ABOUT, INSPECT, MEASURE, RECIPE, SAMPLES


def test_every_type_has_its_title_its_function_and_a_reader_of_each_parameter():
    assert {"measure", "node", "samples", "pairs", "baselines", "recipe", "merged_file"} <= set(JOB_TYPES)
    for name, job_type in JOB_TYPES.items():
        assert callable(job_type.load()) and job_type.name == name and (job_type.required or job_type.opening == 1)
        assert job_type.title[0].isupper() and all(map(callable, job_type.readers.values()))


def test_what_a_page_waits_for_goes_before_long_work():
    assert JOB_TYPES["node"].priority == JOB_TYPES["measure"].priority == JOB_TYPES["samples"].priority == 0
    assert JOB_TYPES["node"].priority < JOB_TYPES["recipe"].priority < JOB_TYPES["baselines"].priority


def test_options_are_spelt_out_and_none_left_out():
    assert canonical("measure", {**MEASURE, "tasks": None}) == {"zoo": "demo", "mloss": MLossOptions().to_dict()}
    assert canonical("recipe", RECIPE)["recipe"] == Recipe(method="ties").to_dict()
    assert canonical("measure", {**MEASURE, "tasks": ("b", "a", "b")})["tasks"] == ["a", "b"]
    once = canonical("recipe", {**RECIPE, "recipe": dataclasses.replace(Recipe(method="dare"), seed=3).to_dict()})
    assert canonical("recipe", once) == once


def test_models_are_baselines_or_recipes_spelt_out():
    found = canonical("inspect", INSPECT)
    assert found["a"] == Recipe(method="ties").to_dict() and found["b"] == "ensemble"
    models = canonical("inspect_features", ABOUT)["models"]
    assert models == ["zero_shot", Recipe(method="average").to_dict()]


def test_a_folder_is_named_from_the_root(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert canonical("samples", {**SAMPLES, "zoo": "mine"})["zoo"] == str(tmp_path / "mine")
    assert canonical("samples", SAMPLES)["zoo"] == "demo"


@pytest.mark.parametrize(
    ("kind", "params", "error", "words"),
    [
        ("sample", SAMPLES, UnknownNameError, "unknown kind of work 'sample': did you mean 'samples'"),
        ("samples", {"zoo": "demo"}, InvalidOptionError, "samples takes zoo, task.*found no task, split, indices"),
        ("samples", {**SAMPLES, "task": None}, InvalidOptionError, "found no task"),
        ("samples", {**SAMPLES, "code": "x"}, InvalidOptionError, "found unknown code"),
        ("samples", {**SAMPLES, "task": 3}, InvalidOptionError, "task must be a word; found 3"),
        ("samples", {**SAMPLES, "zoo": ""}, InvalidOptionError, "zoo must be a word; found ''"),
        ("samples", {**SAMPLES, "indices": [1, True]}, InvalidOptionError, "indices must be a whole number"),
        ("samples", {**SAMPLES, "indices": "12"}, InvalidOptionError, "indices must be a list"),
        ("measure", {**MEASURE, "tasks": "signs"}, InvalidOptionError, "tasks must be a list of names"),
        ("measure", {**MEASURE, "tasks": [["signs"]]}, InvalidOptionError, "tasks must be a list of names"),
        ("measure", {**MEASURE, "mloss": []}, InvalidOptionError, "mloss must be options by name"),
        ("measure", {**MEASURE, "mloss": {"seeds": 1}}, InvalidOptionError, "unknown option 'seeds'"),
        ("node", {**MEASURE, "block": 1.0, "node": 0}, InvalidOptionError, "block must be a whole number; found 1.0"),
        ("recipe", {**RECIPE, "recipe": {}}, InvalidOptionError, "found no 'method'"),
        ("recipe", {**RECIPE, "recipe": {"method": "tise"}}, UnknownNameError, "did you mean 'ties'"),
        ("recipe", {**RECIPE, "recipe": {"method": "ties", "blocks": [1]}}, InvalidOptionError, "blocks say where"),
        ("inspect", {**INSPECT, "b": "ensembel"}, UnknownNameError, "unknown baseline 'ensembel'"),
        ("inspect", {**INSPECT, "a": {"method": "tise"}}, UnknownNameError, "did you mean 'ties'"),
        ("inspect", {**INSPECT, "a": 3}, UnknownNameError, "unknown baseline '3'"),
        ("inspect_blocks", {**ABOUT, "models": "ensemble"}, InvalidOptionError, "models must be a list of baselines"),
        ("inspect_blocks", {**ABOUT, "models": []}, InvalidOptionError, "models must be a list of baselines"),
    ],
)
def test_requests_have_a_closed_schema(kind, params, error, words):
    assert issubclass(error, MLossCoreError)
    with pytest.raises(error, match=words):
        canonical(kind, params)
