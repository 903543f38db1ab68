import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mloss_core.merging.sparsifiers.order_statistics import global_cut
from tests.mloss_core.merging import dense


def cut_all(vectors, count, dtype=torch.float32):
    cut = global_cut(lambda: iter(vectors.items()), count, dtype)
    return {key: cut.trim(key, vector) for key, vector in vectors.items()}


def test_by_hand_over_two_tensors():
    vectors = {"a": torch.tensor([[1.0, -5.0, 2.0]]), "b": torch.tensor([-2.0, 3.0, 0.5])}
    kept = cut_all(vectors, 3)
    assert kept["a"].tolist() == [[0, -5, 2]] and kept["b"].tolist() == [0, 3, 0]
    assert kept["b"].dtype == torch.float32


def test_of_equal_magnitudes_the_earliest_tensor_and_entry_stay():
    vectors = {"b": torch.tensor([1.0, 2.0, -1.0]), "a": torch.tensor([-1.0, 1.0, 3.0])}
    assert [kept.tolist() for kept in cut_all(vectors, 4).values()] == [[1, 2, -1], [0, 0, 3]]
    assert [kept.tolist() for kept in cut_all(vectors, 3).values()] == [[1, 2, 0], [0, 0, 3]]


def test_all_nothing_and_zeros():
    vectors = {"a": torch.tensor([0.0, 0.0, 2.0]), "b": torch.zeros(2)}
    assert [kept.tolist() for kept in cut_all(vectors, 0).values()] == [[0, 0, 0], [0, 0]]
    for count in (1, 3, 5):
        assert [kept.tolist() for kept in cut_all(vectors, count).values()] == [[0, 0, 2], [0, 0]]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("scale", [1.0, 1e-30, 1e30])
def test_the_count_is_exact_at_any_size_of_number(dtype, scale):
    generator = torch.Generator().manual_seed(0)
    vectors = {key: torch.randn(40, 50, generator=generator, dtype=dtype) * scale for key in "abc"}
    flat = torch.cat([vector.reshape(-1) for vector in vectors.values()]).abs()
    for count in (1, 17, 3000, 5999, 6000):
        kept = torch.cat([kept.reshape(-1) for kept in cut_all(vectors, count, dtype).values()])
        assert int((kept != 0).sum()) == count
        assert torch.equal(kept.abs().sort().values[-count:], flat.sort().values[-count:])


def test_close_doubles_are_told_apart():
    vectors = {"a": torch.tensor([1.0, 1.0 + 2**-52, 1.0 - 2**-53], dtype=torch.float64)}
    assert cut_all(vectors, 1, torch.float64)["a"].tolist() == [0, 1.0 + 2**-52, 0]


def test_mixed_precision_compares_in_the_wider():
    vectors = {"a": torch.tensor([1.0], dtype=torch.float32), "b": torch.tensor([1.0 + 2**-40], dtype=torch.float64)}
    assert [kept.tolist() for kept in cut_all(vectors, 1, torch.float64).values()] == [[0], [1.0 + 2**-40]]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.lists(st.integers(-3, 3), min_size=1, max_size=7), min_size=1, max_size=4), st.integers(0, 100))
def test_equals_the_formula_with_many_equal_entries(lists, percent):
    arrays = {f"t{place}": np.array(values, dtype=np.float64) for place, values in enumerate(lists)}
    expected = dense.trim_global(arrays, percent / 100)
    count = dense.floor(percent / 100, sum(array.size for array in arrays.values()))
    found = cut_all({key: torch.from_numpy(array) for key, array in arrays.items()}, count, torch.float64)
    assert all(np.array_equal(found[key].numpy(), expected[key]) for key in arrays)


@pytest.mark.parametrize("kept_digits", [0, 5, 1 << 23])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_memory_for_entries_near_the_threshold_changes_nothing(kept_digits, dtype, monkeypatch):
    monkeypatch.setattr("mloss_core.merging.sparsifiers.order_statistics.KEPT_DIGITS", kept_digits)
    vectors = {
        key: torch.tensor(values, dtype=dtype) for key, values in zip("ab", ([1, 2, -1], [-1, 1, 3]), strict=True)
    }
    assert [kept.tolist() for kept in cut_all(vectors, 5, dtype).values()] == [[1, 2, -1], [-1, 0, 3]]
    assert [kept.tolist() for kept in cut_all(vectors, 2, dtype).values()] == [[0, 2, 0], [0, 0, 3]]
    assert [kept.tolist() for kept in cut_all(vectors, 6, dtype).values()] == [[1, 2, -1], [-1, 1, 3]]
