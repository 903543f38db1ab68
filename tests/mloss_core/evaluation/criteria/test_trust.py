import math

import numpy as np
import pytest
from scipy.stats import spearmanr

from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.criteria.trust import lost, lost_within, trust


def test_a_perfect_guide_loses_nothing():
    found = trust([1, 2, 3, 4], [0.1, 0.2, 0.3, 0.9])
    assert (found.spearman, found.lost, found.recipes) == (pytest.approx(1), 0, 4)


def test_a_backward_guide_loses_all():
    found = trust([4, 3, 2, 1], [0.1, 0.2, 0.3, 0.9])
    assert found.spearman == pytest.approx(-1) and found.lost == pytest.approx(0.8)


def test_correlation_and_interval_by_scipy():
    draw = np.random.default_rng(0)
    accuracy = draw.random(30)
    criterion = accuracy + 0.3 * draw.random(30)
    found = trust(criterion, accuracy)
    assert found.spearman == pytest.approx(spearmanr(criterion, accuracy).statistic)
    assert found.low < found.spearman < found.high and found.high - found.low < 0.6


def test_of_several_first_ones_the_mean_counts():
    assert lost(np.array([1.0, 1.0, 0.0]), np.array([0.2, 0.4, 0.6])) == pytest.approx(0.3)


def test_losses_within_groups():
    values, truth = np.array([1.0, 2.0, 3.0, 1.0, 5.0]), np.array([0.5, 0.9, 0.8, 0.7, 0.1])
    assert lost_within(values, truth, ["a", "a", "a", "b", "c"]) == {"a": pytest.approx(0.1)}


def test_what_ranks_nothing_has_no_correlation():
    assert math.isnan(trust([1, 1, 1], [0.1, 0.2, 0.3]).spearman)


def test_too_few_recipes_are_refused():
    with pytest.raises(InvalidOptionError, match="at least 3 recipes; found 2 values and 2"):
        trust([1, 2], [1, 2])
