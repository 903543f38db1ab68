import itertools
import math

import numpy as np
import pytest
from scipy import stats

from mloss_core.mergeability.predictor.scores import (
    best_set,
    chosen_share,
    column_pearson,
    fisher_mean,
    lost_points,
    pearson,
    score,
    set_mean,
    spearman,
)


def test_correlations_are_those_of_scipy():
    random = np.random.default_rng(0)
    one, other = random.standard_normal(30), random.integers(0, 5, 30).astype(float)
    assert pearson(one, other) == pytest.approx(stats.pearsonr(one, other)[0])
    assert spearman(one, other) == pytest.approx(stats.spearmanr(one, other)[0])
    columns = np.stack([one, other, np.ones(30)], axis=1)
    found = column_pearson(columns, other)
    assert found[:2] == pytest.approx([pearson(one, other), 1.0]) and math.isnan(found[2])


def test_there_is_no_correlation_of_two_points_or_of_a_constant():
    assert math.isnan(pearson(np.array([1.0, 2.0]), np.array([1.0, 2.0])))
    assert math.isnan(pearson(np.full(5, 0.1 + 0.2), np.arange(5.0)))
    assert math.isnan(pearson(0.3 + 1e-17 * np.arange(5), np.arange(5.0)))
    assert math.isnan(spearman(np.ones(5), np.arange(5.0)))


def test_the_mean_on_fishers_scale():
    assert fisher_mean([0.5, 0.9]) == pytest.approx(math.tanh((math.atanh(0.5) + math.atanh(0.9)) / 2))
    assert fisher_mean([0.5, math.nan]) == pytest.approx(0.5)
    assert fisher_mean([1.0]) < 1 and math.isnan(fisher_mean([]))


def test_points_lost_by_hand():
    measured = np.array([0.9, 0.8, 0.7, 0.6])
    assert lost_points(measured, measured, 2) == 0
    assert lost_points(-measured, measured, 2) == pytest.approx(0.85 - 0.65)
    # Two compete for one place: each half of it.
    assert chosen_share(np.array([1.0, 1.0, 0.0]), 1).tolist() == [0.5, 0.5, 0.0]
    assert lost_points(np.zeros(4), measured, 2) == pytest.approx(0.85 - 0.75)


def test_the_best_set_is_that_of_a_search_through_all():
    random = np.random.default_rng(1)
    values = random.uniform(size=(7, 7))
    values = values + values.T
    np.fill_diagonal(values, np.nan)
    values[0, 3] = values[3, 0] = np.nan

    def mean(tasks):
        return np.nanmean([values[i, j] for i, j in itertools.combinations(tasks, 2)])

    best = max(itertools.combinations(range(7), 4), key=mean)
    assert best_set(values, 4) == best and set_mean(values, best) == pytest.approx(mean(best))


def test_scores_by_hand():
    folds = [("a", 3, np.array([0, 1, 2])), ("b", 3, np.array([0, 3, 4]))]
    measured = [np.array([1.0, 2.0, 3.0]), np.array([1.0, 4.0, 5.0])]
    guessed = [np.array([1.0, 3.0, 2.0]), np.array([1.0, 4.0, 5.0])]
    found = score(folds, guessed, measured, k=1)
    assert [fold.pearson for fold in found.folds] == pytest.approx([0.5, 1.0])
    assert found.mean_pearson == pytest.approx(0.75) and found.sd == pytest.approx(0.25)
    assert found.standard_error == pytest.approx(0.25)
    assert found.pooled == pytest.approx(pearson(np.concatenate(guessed), np.concatenate(measured)))
    assert found.lost == 0 and found.lost_random == pytest.approx(5 - 3) and found.k == 1
