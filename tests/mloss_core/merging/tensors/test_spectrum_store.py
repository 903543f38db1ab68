import pytest
import torch

from mloss_core.caching import SPECTRA, Cache
from mloss_core.merging.tensors import spectrum_store
from mloss_core.merging.tensors.spectrum_store import Factors, forget, recall


@pytest.fixture(autouse=True)
def empty():
    forget()
    yield
    forget()


class Counted:
    def __init__(self, size=4, long=False):
        self.calls = 0
        draw = torch.Generator().manual_seed(0)
        self.factors = Factors(
            torch.rand(size, generator=draw, dtype=torch.float64),
            torch.rand(size, size, generator=draw, dtype=torch.float64),
            torch.rand(2 * size, size, generator=draw, dtype=torch.float64) if long else None,
        )

    def __call__(self):
        self.calls += 1
        return self.factors


def same(first, second):
    one, other = first.tensors(), second.tensors()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def test_a_decomposition_is_computed_once_for_its_words_and_count():
    compute = Counted()
    first = recall(("a",), 2, 4, compute)
    assert first.narrow.shape == (4, 2) and first.values.shape == (4,) and first.long is None
    assert same(recall(("a",), 2, 4, compute), first) and compute.calls == 1
    recall(("a",), 3, 4, compute)
    recall(("b",), 2, 4, compute)
    assert compute.calls == 3


@pytest.mark.parametrize("long", [False, True])
def test_large_ones_are_found_on_disk_by_another_process(tmp_path, monkeypatch, long):
    monkeypatch.setattr(spectrum_store, "LARGE", 4)
    cache, compute = Cache(tmp_path), Counted(long=long)
    first = recall(("a",), 2, 4, compute, cache)
    assert len(list(cache.files(SPECTRA))) == 1
    forget()
    assert same(recall(("a",), 2, 4, compute, cache), first) and compute.calls == 1


def test_small_ones_stay_in_memory(tmp_path):
    cache = Cache(tmp_path)
    recall(("a",), 2, 4, Counted(), cache)
    assert not list(cache.files(SPECTRA))


def test_the_memory_is_bounded_and_the_latest_stay(monkeypatch):
    compute = Counted()
    size = sum(tensor.nbytes for tensor in compute.factors.first(4).tensors().values())
    monkeypatch.setattr(spectrum_store, "MEMORY_BYTES", 2 * size)
    for word in ("a", "b", "a", "c"):
        recall((word,), 4, 4, compute)
    assert compute.calls == 3
    recall(("a",), 4, 4, compute)
    assert compute.calls == 3
    recall(("b",), 4, 4, compute)
    assert compute.calls == 4
