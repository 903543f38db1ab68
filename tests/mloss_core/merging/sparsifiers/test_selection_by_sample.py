"""Thresholds found among few entries, and masks by bit patterns, are those of the plain way, bit for bit."""

import math

import numpy as np
import pytest
import torch

from mloss_core.merging.sparsifiers.order_statistics import global_cut
from mloss_core.merging.sparsifiers.sampled_cuts import bounds_of, cuts_of, held, held_cuts, near
from mloss_core.merging.sparsifiers.sparsify import kth_largest, masked

SIZE = 60_000
DRAW = torch.Generator().manual_seed(0)
NUMBERS = {
    "normal": torch.randn(SIZE, generator=DRAW).abs(),
    "ties": torch.randint(0, 5, (SIZE,), generator=DRAW).float(),
    "constant": torch.ones(SIZE),
    "mostly zero": torch.randn(SIZE, generator=DRAW).relu() * (torch.arange(SIZE) % 50 == 0),
    "misleading sample": (torch.arange(SIZE) % 7 != 0) * torch.rand(SIZE, generator=DRAW),
    "sorted": torch.arange(SIZE).float(),
}


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("count", [1, 2, 700, SIZE // 5, SIZE // 2, SIZE - 1, SIZE])
def test_the_kth_largest_is_that_of_the_sorted_numbers(name: str, count: int) -> None:
    assert kth_largest(NUMBERS[name], count) == float(NUMBERS[name].sort(descending=True).values[count - 1])


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("count", [1, SIZE // 5, SIZE - 3, SIZE])
def test_cuts_found_near_a_sample_are_the_global_cuts(name: str, count: int) -> None:
    """Two models in bands; a sample that misses says so."""
    models = [NUMBERS[name], NUMBERS["normal"]]
    parts = [dict(zip("abc", model.split(SIZE // 3), strict=True)) for model in models]
    stacks = {key: np.stack([part[key].numpy() for part in parts]) for key in "abc"}
    bounds = bounds_of(np.stack([model.numpy()[::40] for model in models]), count, SIZE)
    found = cuts_of({key: near(np.split(stack, 4, axis=1), bounds) for key, stack in stacks.items()}, count, 2)
    for cut, part in zip(found, parts, strict=True):
        assert cut == global_cut(lambda part=part: iter(part.items()), count) or cut is None
    assert found[1] is not None
    assert (found[0] is None) <= (name == "misleading sample")
    kept = cuts_of({key: held([stack], 2) for key, stack in stacks.items()}, count, 2)
    assert kept[0] == global_cut(lambda: iter(parts[0].items()), count)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("count", [1, SIZE // 5, SIZE - 3, SIZE])
def test_the_cuts_of_a_small_tensor_are_the_global_cuts(name: str, count: int) -> None:
    numbers = [NUMBERS[name], NUMBERS["ties"]]
    found = held_cuts("a", np.stack([one.numpy() for one in numbers]), count)
    assert found == [global_cut(lambda one=one: iter([("a", one)]), count) for one in numbers]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_masked_is_plain_zero_and_the_rest_keeps_its_bits(dtype: torch.dtype) -> None:
    vector = torch.tensor([-1.0, -0.0, -0.0, math.inf, 1e-42], dtype=dtype)
    keep = torch.tensor([False, False, True, True, True])
    found = masked(vector, keep)
    assert torch.equal(found, torch.where(keep, vector, 0.0))
    assert torch.signbit(found).tolist() == [False, False, True, False, False]
