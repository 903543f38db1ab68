"""Thresholds found among few entries, and masks by bit patterns, are those of the plain way, bit for bit."""

import math

import pytest
import torch

from mloss_core.merging import inputs, merge_state_dicts
from mloss_core.merging.flat import rule
from mloss_core.merging.sparsifiers.order_statistics import global_cut, held_cut
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
@pytest.mark.parametrize("count", [0, 1, SIZE // 5, SIZE - 3, SIZE])
def test_a_held_cut_is_the_global_cut(name: str, count: int) -> None:
    numbers = NUMBERS[name]
    parts = dict(zip("abc", numbers.split(SIZE // 3), strict=True))
    sizes = {key: part.numel() for key, part in parts.items()}
    assert held_cut(numbers, sizes, count) == global_cut(lambda: iter(parts.items()), count)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_what_is_masked_is_plain_zero_and_the_rest_keeps_its_bits(dtype: torch.dtype) -> None:
    vector = torch.tensor([-1.0, -0.0, -0.0, math.inf, 1e-42], dtype=dtype)
    keep = torch.tensor([False, False, True, True, True])
    found = masked(vector, keep)
    assert torch.equal(found, torch.where(keep, vector, 0.0))
    assert torch.signbit(found).tolist() == [False, False, True, False, False]


@pytest.mark.parametrize("scope", ["global", "tensor", "row"])
@pytest.mark.parametrize("coarse", [False, True])
def test_models_at_once_merge_as_one_at_a_time(scope: str, coarse: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Coarse weights have many equal magnitudes, of which the earliest stay."""
    draw = torch.Generator().manual_seed(1)
    shapes = {"matrix": (30, 400), "bias": (7,), "kernel": (4, 3, 5, 5), "scale": ()}
    base, *models = ({key: torch.randn(shape, generator=draw) for key, shape in shapes.items()} for _ in range(5))
    if coarse:
        base, *models = ({key: (4 * t).round() / 4 for key, t in state.items()} for state in (base, *models))
    together = merge_state_dicts(base, models, "ties", keep_rate=0.3, scope=scope)
    monkeypatch.setattr(inputs, "STACKED", 0)
    monkeypatch.setattr(rule, "HELD", 0)
    alone = merge_state_dicts(base, models, "ties", keep_rate=0.3, scope=scope)
    for key in base:
        assert torch.equal(together[key].view(torch.int32), alone[key].view(torch.int32)), key
