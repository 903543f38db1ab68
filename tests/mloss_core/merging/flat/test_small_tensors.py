"""Small tensors of one shape; that they merge as each on its own does is in test_stacks."""

import threading

import pytest
import torch

from mloss_core.errors import CheckpointError
from mloss_core.merging import merge_state_dicts
from mloss_core.merging.flat.small_tensors import SMALL, SmallTensors
from mloss_core.merging.flat.stacks import UnfitError
from mloss_core.merging.inputs import MergeInputs
from mloss_core.merging.tensors.consensus import mean


def inputs(**shapes):
    base = {key: torch.zeros(shape) for key, shape in shapes.items()}
    tuned = [{key: torch.full(shape, float(model)) for key, shape in shapes.items()} for model in (1, 2)]
    return MergeInputs(pretrained=base, finetuned=tuple(tuned), names=("a", "b"), moving=tuple(shapes))


def small(of):
    return SmallTensors(of, of.moving, lambda keys: None, mean)


def test_those_of_one_shape_are_taken_and_others_are_not():
    tensors = small(inputs(a=(3,), b=(3,), c=(4,), d=(1, 3), big=(SMALL + 1,), other=(SMALL + 1,), none=(0,), no=(0,)))
    assert tensors.take("a").update.tolist() == [1.5, 1.5, 1.5] and tensors.take("b").keep == 1
    assert [tensors.take(key) for key in ("c", "d", "big", "none")] == [None] * 4


def test_one_can_be_taken_again_and_shares_no_memory():
    tensors = small(inputs(a=(3,), b=(3,)))
    first = tensors.take("a").update
    first.zero_()
    assert tensors.take("a").update.tolist() == [1.5, 1.5, 1.5] and tensors.take("b").update.tolist() == [1.5] * 3


def test_threads_take_each_once():
    keys = [f"k{number}" for number in range(40)]
    tensors, found = small(inputs(**dict.fromkeys(keys, (5,)))), {}
    threads = [
        threading.Thread(target=lambda part=part: found.update({key: tensors.take(key) for key in keys[part::4]}))
        for part in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(found) == set(keys) and all(each.update.tolist() == [1.5] * 5 for each in found.values())


def test_wide_weights_are_left_to_others():
    of = inputs(a=(3,), b=(3,))
    of.finetuned[1]["b"] = of.finetuned[1]["b"].double()
    tensors = small(of)
    assert tensors.take("a") is None and tensors.take("b") is None


def test_a_weight_that_is_not_finite_is_named():
    base = {"a": torch.zeros(3), "b": torch.zeros(3)}
    tuned = [{"a": torch.ones(3), "b": torch.ones(3)}, {"a": torch.ones(3), "b": torch.tensor([1.0, torch.nan, 0.0])}]
    with pytest.raises(CheckpointError, match="finite; b of"):
        merge_state_dicts(base, tuned, method="ties", scope="tensor")


def test_what_is_too_far_apart_in_sum_alone_is_merged():
    """Each entry is finite, their sum is not."""
    far = torch.full((3,), 3e38)
    merged = merge_state_dicts({"a": torch.zeros(3), "b": torch.zeros(3)}, [{"a": far, "b": -far}], method="average")
    assert merged["a"].tolist() == far.tolist()


def test_a_thread_that_waits_for_others_that_cannot_be_merged_together_leaves_them_too():
    entered, waiting = threading.Event(), threading.Event()

    def trim(keys):
        entered.set()
        waiting.wait(10)
        raise UnfitError

    of = inputs(a=(3,), b=(3,))
    tensors, found = SmallTensors(of, of.moving, trim, mean), []
    first = threading.Thread(target=lambda: found.append(tensors.take("a")))
    first.start()
    assert entered.wait(10)
    second = threading.Thread(target=lambda: found.append(tensors.take("b")))
    second.start()
    second.join(0.2)
    waiting.set()
    for thread in (first, second):
        thread.join(10)
    assert found == [None, None]
