import itertools

import numpy as np
import pytest

from mloss_core.mergeability import subsets
from mloss_core.mergeability.subsets import best_set, set_score


def scores(count, seed=0):
    drawn = np.random.default_rng(seed).normal(size=(count, count))
    return drawn + drawn.T


def by_hand(values, size):
    return max(itertools.combinations(range(len(values)), size), key=lambda one: set_score(values, one))


@pytest.mark.parametrize("size", [2, 3, 5, 7])
def test_the_best_set_is_the_best_of_all(size):
    values = scores(8)
    assert best_set(values, size) == by_hand(values, size)


def test_many_sets_are_searched_by_trading(monkeypatch):
    values = scores(9, seed=3)
    monkeypatch.setattr(subsets, "_MOST", 1)
    for size in (2, 4, 8):
        found = best_set(values, size)
        best = set_score(values, by_hand(values, size))
        assert len(found) == size and set_score(values, found) >= best - 0.1 * abs(best)


def test_pairs_without_a_number_are_avoided_or_there_is_no_set():
    values = scores(4)
    values[0, 1] = values[1, 0] = np.nan
    assert not {0, 1} <= set(best_set(values, 3))
    assert best_set(values, 4) is None
