import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mloss_core.errors import InvalidOptionError
from mloss_core.merging.sparsifiers.sparsify import (
    drop,
    kept_count,
    kept_counts,
    mask_generator,
    sorted_rows,
    trim,
    trim_rows,
)
from tests.mloss_core.merging import dense

MATRIX = torch.tensor([[1.0, -5.0, 2.0], [-2.0, 3.0, 0.5]])


@pytest.mark.parametrize(
    ("keep_rate", "size", "count"),
    [
        (0.29, 100, 29),
        (0.3, 10, 3),
        (0.7, 10, 7),
        (0.57, 100, 57),
        (0.5, 3, 1),
        (0.2, 4, 0),
        (0.0, 9, 0),
        (1.0, 9, 9),
        (0.999999, 1_000_000, 999_999),
        (0.2, 113_448_705, 22_689_741),
        (1 / 3, 3, 1),
        (0.1 + 0.2, 10, 3),
    ],
)
def test_counts_are_floors_that_forgive_rounding(keep_rate, size, count):
    assert kept_count(keep_rate, size) == count
    assert kept_counts(torch.tensor([keep_rate], dtype=torch.float64), size).tolist() == [count]


def test_counts_of_every_percentage_are_exact():
    for percent in range(101):
        assert kept_count(percent / 100, 100) == percent
        assert kept_count(1 - percent / 100, 100) == 100 - percent


def test_trim_by_hand():
    assert trim(MATRIX, 0.5).tolist() == [[0, -5, 2], [0, 3, 0]]
    assert trim(MATRIX, 0.7).tolist() == [[0, -5, 2], [-2, 3, 0]]
    assert trim(MATRIX, 0.0).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert torch.equal(trim(MATRIX, 1.0), MATRIX)


def test_of_equal_magnitudes_the_earlier_stays():
    assert trim(torch.tensor([1.0, -1.0, 1.0, -1.0, 1.0]), 0.4).tolist() == [1, -1, 0, 0, 0]
    rows = torch.tensor([[2.0, -1.0, 1.0, 1.0], [1.0, 1.0, -1.0, 2.0]])
    assert trim_rows(rows, torch.tensor([0.5, 0.75])).tolist() == [[2, -1, 0, 0], [1, 1, 0, 2]]


def test_trim_rows_by_hand():
    rates = torch.tensor([1 / 3, 2 / 3], dtype=torch.float64)
    assert trim_rows(MATRIX, rates).tolist() == [[0, -5, 0], [-2, 3, 0]]
    assert trim_rows(MATRIX, torch.tensor([0.0, 1.0])).tolist() == [[0, 0, 0], [-2, 3, 0.5]]
    assert torch.equal(trim_rows(MATRIX, torch.ones(2)), MATRIX)


def test_what_follows_the_first_axis_is_one_row():
    kernel = torch.arange(24.0).reshape(2, 3, 2, 2)
    assert torch.count_nonzero(trim_rows(kernel, torch.tensor([0.5, 0.25])), dim=(1, 2, 3)).tolist() == [6, 3]


@pytest.mark.parametrize("shape", [(), (0,), (0, 3), (3, 0), (1, 1)])
def test_odd_shapes_survive(shape):
    assert trim(torch.ones(shape), 0.5).shape == shape
    if len(shape) == 2:
        assert trim_rows(torch.ones(shape), torch.full((shape[0],), 0.5)).shape == shape


_small = st.integers(-3, 3).map(float)
_matrices = hnp.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 9)), elements=_small)


@settings(max_examples=80, deadline=None)
@given(_matrices, st.integers(0, 100), st.data())
def test_trims_equal_the_formula_with_many_equal_entries(matrix, percent, data):
    vector, keep_rate = torch.from_numpy(matrix), percent / 100
    assert np.array_equal(trim(vector, keep_rate).numpy(), dense.trim_tensor(matrix, keep_rate))
    rates = data.draw(hnp.arrays(np.float64, matrix.shape[0], elements=st.integers(0, 20).map(lambda n: n / 20)))
    assert np.array_equal(trim_rows(vector, torch.from_numpy(rates)).numpy(), dense.trim_rows(matrix, rates))


def test_numpy_and_torch_sort_alike():
    values = torch.randn(7, 33, generator=torch.Generator().manual_seed(0)).abs()
    assert torch.equal(sorted_rows(values), torch.sort(values, dim=1).values)


def test_inputs_stay_as_they_are():
    before = MATRIX.clone()
    trim(MATRIX, 0.5), trim_rows(MATRIX, torch.tensor([0.5, 0.5])), drop(MATRIX, 0.5, mask_generator(0))
    assert torch.equal(MATRIX, before)


def test_drop_keeps_the_expectation():
    vector = torch.full((400, 500), 2.0)
    dropped = drop(vector, 0.25, mask_generator(3, "w"))
    assert set(dropped.unique().tolist()) == {0.0, 8.0}
    error = 8 * math.sqrt(0.25 * 0.75 / vector.numel())
    assert abs(float(dropped.mean()) - 2.0) < 4 * error


def test_drop_with_a_rate_for_each_row():
    vector = torch.ones(4, 20_000)
    dropped = drop(vector, torch.tensor([0.0, 0.5, 0.9, 1.0], dtype=torch.float64), mask_generator(0))
    assert (dropped > 0).double().mean(1).tolist() == pytest.approx([0, 0.5, 0.9, 1], abs=0.02)
    assert dropped.max(1).values.tolist() == pytest.approx([0, 2, 1 / 0.9, 1])
    assert torch.isfinite(dropped).all()


def test_equal_rates_for_all_rows_are_one_rate():
    vector = torch.randn(5, 8, generator=torch.Generator().manual_seed(0))
    rows = drop(vector, torch.full((5,), 0.7, dtype=torch.float64), mask_generator(1, "w"))
    assert torch.equal(rows, drop(vector, 0.7, mask_generator(1, "w")))


def test_masks_depend_on_every_part_of_their_key():
    draws = [torch.rand(8, generator=mask_generator(*key)) for key in ((0, "w", "a"), (1, "w", "a"), (0, "v", "a"))]
    assert not any(torch.equal(draws[0], other) for other in draws[1:])
    assert torch.equal(draws[0], torch.rand(8, generator=mask_generator(0, "w", "a")))


def test_keep_rates_outside_0_to_1_are_refused():
    with pytest.raises(InvalidOptionError, match=r"from 0 to 1; found 1\.5"):
        trim(MATRIX, 1.5)
    with pytest.raises(InvalidOptionError, match=r"from 0 to 1; found -0\.25 to 1\.0"):
        trim_rows(MATRIX, torch.tensor([-0.25, 1.0]))
