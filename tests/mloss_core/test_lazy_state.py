"""State dicts whose tensors are computed when they are read."""

import gc
import weakref

import pytest
import torch

from mloss_core.lazy_state import LazyState
from mloss_core.merging.inputs import MergedTensor, MergeRule
from mloss_core.merging.results import MergedWeights, TaskMask, UpdateOnDemand
from mloss_core.placement import ResidentWeights, Room
from mloss_core.state_dicts import LazyAverage

WEIGHTS = {"w": torch.ones(2), "b": torch.zeros(1)}


def test_each_read_computes_one_tensor():
    asked = []
    state = LazyState(iter(("b", "a")), lambda key: asked.append(key) or torch.ones(1))
    assert list(state) == ["b", "a"] and len(state) == 2 and "a" in state and "c" not in state and asked == []
    assert state["a"] is not state["a"] and asked == ["a", "a"]
    with pytest.raises(KeyError, match="c"):
        state["c"]
    assert asked == ["a", "a"], "it reads no name that it does not have"


@pytest.mark.parametrize(
    "make",
    [
        lambda: MergedWeights(WEIGHTS, WEIGHTS, 1.0),
        lambda: UpdateOnDemand(MergeRule(tensor=lambda key: MergedTensor(WEIGHTS[key], 1.0)), ("w", "b")),
        lambda: TaskMask(lambda key: WEIGHTS[key] > 0, ("w", "b"), 1.0),
        lambda: ResidentWeights(WEIGHTS, Room(torch.device("cpu"), 0)),
        lambda: LazyAverage([WEIGHTS, WEIGHTS]),
    ],
    ids=["merged", "update", "mask", "resident", "average"],
)
def test_no_lazy_state_outlives_its_last_user(make):
    gc.disable()
    try:
        state = make()
        assert list(state) == ["w", "b"] and state["w"].shape == (2,)
        gone = weakref.ref(state)
        del state
        assert gone() is None
    finally:
        gc.enable()
