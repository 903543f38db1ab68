import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mloss_core.merging.sparsifiers.order_statistics import ranked_values


def columns(*lists, cut=2):
    """The lists in parts of a few numbers each."""
    size = len(lists[0])
    return lambda: ([numbers[start : start + cut] for numbers in lists] for start in range(0, size, cut))


def test_by_hand():
    numbers = torch.tensor([3.0, -1.0, 0.0, 3.0, -7.0, 0.5])
    ranks = [1, 2, 3, 4, 5, 6]
    assert ranked_values(columns(*[numbers] * 6), ranks) == [3, 3, 0.5, 0, -1, -7]


def test_every_list_has_a_rank_of_its_own():
    first, second = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([-1.0, -2.0, -3.0])
    assert ranked_values(columns(first, second), [1, 3]) == [3, -3]


def test_both_zeros_are_one_number():
    assert ranked_values(columns(torch.tensor([-0.0, 0.0, -0.0, 1.0])), [3]) == [0]


@pytest.mark.parametrize(("dtype", "width"), [(torch.float32, 32), (torch.float64, 64)])
def test_any_rank_of_any_numbers(dtype, width):
    @settings(max_examples=40, deadline=None)
    @given(st.lists(st.floats(-(2.0**99), 2.0**99, width=width), min_size=1, max_size=12), st.data())
    def check(values, data):
        rank = data.draw(st.integers(1, len(values)))
        numbers = torch.tensor(values, dtype=dtype)
        assert ranked_values(columns(numbers), [rank], dtype) == [numbers.sort(descending=True).values[rank - 1].item()]

    check()


def test_a_large_list_in_two_dtypes():
    numbers = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    expected = [numbers.sort(descending=True).values[rank - 1].item() for rank in (1, 777, 20_000)]
    for dtype in (torch.float32, torch.float64):
        assert ranked_values(columns(*[numbers] * 3, cut=777), [1, 777, 20_000], dtype) == expected
