import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from mloss_core.merging.tensors.consensus import (
    CONSENSUS,
    elect_and_merge,
    elect_and_sum,
    elect_and_take_largest,
    largest,
    mean,
    total,
)
from tests.mloss_core.merging import dense

FIRST = torch.tensor([[1.0, -3.0, 2.0], [0.0, 4.0, -1.0]])
SECOND = torch.tensor([[3.0, 1.0, -2.0], [0.0, 0.0, -2.0]])
THIRD = torch.tensor([[0.0, 1.0, 0.0], [0.0, 2.0, 9.0]])


def test_elect_and_merge_by_hand():
    # Columns: both rise; the larger mass falls; equal mass elects +; nobody moves; zeros do not count; one outweighs.
    assert elect_and_merge([FIRST, SECOND]).tolist() == [[2, -3, 2], [0, 4, -1.5]]
    assert elect_and_merge([FIRST, SECOND, THIRD]).tolist() == [[2, -3, 2], [0, 3, 9]]


def test_sum_and_mean_by_hand():
    assert total([FIRST, SECOND]).tolist() == [[4, -2, 0], [0, 4, -3]]
    assert mean([FIRST, SECOND]).tolist() == [[2, -1, 0], [0, 2, -1.5]]


def test_the_largest_entry_by_hand():
    # Columns: the larger; the larger, falling; equal magnitudes rise; nobody moves; one moves; the larger, falling.
    assert largest([FIRST, SECOND]).tolist() == [[3, -3, 2], [0, 4, -2]]
    assert largest([SECOND, FIRST]).tolist() == [[3, -3, 2], [0, 4, -2]]
    assert largest([FIRST, SECOND, THIRD]).tolist() == [[3, -3, 2], [0, 4, 9]]


def test_the_elected_sum_by_hand():
    assert elect_and_sum([FIRST, SECOND]).tolist() == [[4, -3, 2], [0, 4, -3]]
    assert elect_and_sum([FIRST, SECOND, THIRD]).tolist() == [[4, -3, 2], [0, 6, 9]]


def test_the_largest_that_agrees_by_hand():
    # Columns: both rise; the larger mass falls; equal mass elects +; nobody moves; one moves; both fall.
    assert elect_and_take_largest([FIRST, SECOND]).tolist() == [[3, -3, 2], [0, 4, -2]]
    # A single large entry wins the sign and is then the largest of those that agree.
    assert elect_and_take_largest([FIRST, SECOND, THIRD]).tolist() == [[3, -3, 2], [0, 4, 9]]
    # Two small ones outweigh a large one: its magnitude does not count.
    assert elect_and_take_largest(torch.tensor([[-3.0], [2.0], [1.5]])).tolist() == [2]


def test_one_model_is_its_own_consensus():
    for consensus in CONSENSUS.values():
        assert torch.equal(consensus(iter([FIRST])), FIRST)


def test_vectors_are_taken_one_at_a_time():
    alive = []

    def vectors():
        for vector in (FIRST, SECOND, THIRD):
            alive.append(vector)
            yield vector

    for consensus in CONSENSUS.values():
        consensus(vectors())
    assert len(alive) == 3 * len(CONSENSUS)


_stacks = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 6), st.integers(1, 8)), elements=st.integers(-4, 4).map(float)
)


@settings(max_examples=80, deadline=None)
@given(_stacks)
def test_elect_equals_the_formula(stack):
    found = elect_and_merge(torch.from_numpy(stack)).numpy()
    assert np.allclose(found, dense.elect(list(stack)), rtol=1e-12, atol=0)


@settings(max_examples=40, deadline=None)
@given(_stacks)
def test_the_largest_entry_equals_the_formula(stack):
    expected = np.where(stack.max(0) >= -stack.min(0), stack.max(0), stack.min(0))
    assert (largest(torch.from_numpy(stack)).numpy() == expected).all()
    assert (np.abs(expected) == np.abs(stack).max(0)).all()


@settings(max_examples=40, deadline=None)
@given(_stacks, st.randoms(use_true_random=False))
def test_the_order_of_models_does_not_matter(stack, random):
    order = list(range(len(stack)))
    random.shuffle(order)
    for consensus in CONSENSUS.values():
        first, second = consensus(torch.from_numpy(stack)), consensus(torch.from_numpy(stack[order]))
        assert torch.allclose(first, second, rtol=1e-12, atol=1e-12)


def test_long_tensors_are_worked_on_in_bands_without_a_trace(monkeypatch):
    vectors = torch.randn(3, 7, 5, generator=torch.Generator().manual_seed(0)).round(decimals=1)
    whole = elect_and_merge(vectors)
    monkeypatch.setattr("mloss_core.merging.tensors.consensus.BAND", 4)
    assert torch.equal(elect_and_merge(vectors), whole)
    assert torch.equal(elect_and_merge(vectors.transpose(1, 2)), whole.T)
