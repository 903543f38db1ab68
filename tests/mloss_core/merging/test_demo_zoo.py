"""Every method on really fine-tuned models: the embedded zoo's, two of them."""

import dataclasses

import pytest
import torch

from mloss_core import MLossOptions, Recipe, merge, open_zoo
from mloss_core.merging import METHODS

TASKS = ("digits", "letters")


@pytest.fixture(scope="module")
def zoo():
    return open_zoo("demo", device="cpu")


def recipe(name, **options):
    fields = {field.name for field in dataclasses.fields(METHODS[name].options_type)}
    if "images" in fields:
        options["images"] = 8
    return Recipe(method=name, options=options, tasks=TASKS, mloss=MLossOptions(samples_per_task=2))


@pytest.mark.parametrize("name", METHODS)
def test_weights_are_finite_of_the_same_type_and_moved(name, zoo):
    result = merge(zoo, recipe(name))
    for state in result.per_task.values() if METHODS[name].output == "per_task" else [result.state_dict()]:
        for key, base in zoo.pretrained.weights.items():
            assert state[key].dtype == base.dtype and torch.isfinite(state[key]).all(), key
        assert not torch.equal(state["proj"], zoo.pretrained.weights["proj"])
    assert 0 < result.kept_fraction <= 1


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.output == "single"])
def test_a_streamed_file_holds_the_bits_that_memory_holds(name, zoo, tmp_path):
    held = merge(zoo, recipe(name))
    streamed = merge(zoo, recipe(name), out=tmp_path / "merged.safetensors")
    assert streamed.digest == held.digest


def test_identities_hold_on_real_task_vectors(zoo):
    def update(name, **options):
        return merge(zoo, recipe(name, **options)).update

    def close(first, second):
        return all(torch.allclose(first[key], second[key], rtol=1e-4, atol=1e-7) for key in first)

    summed = update("task_arithmetic", scale=1.0)
    assert close(update("iso_c", beta=0.0, vectors="sum"), summed)
    assert close(update("iso_cts", common_fraction=1.0), update("iso_c"))
    assert close(update("consensus", min_agree=0), summed)
    assert all(not torch.any(tensor) for tensor in update("consensus", min_agree=3).values())
    assert close(update("dare", keep_rate=1.0, then="mean"), update("average"))
