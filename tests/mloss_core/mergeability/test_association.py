import itertools
import math

import numpy as np
import pytest
from scipy import stats

from mloss_core.mergeability.association import association

TASKS = "abcdefgh"
PAIRS = list(itertools.combinations(TASKS, 2))


def test_correlations_are_scipys_and_missing_numbers_do_not_count():
    draw = np.random.default_rng(0)
    x = draw.normal(size=len(PAIRS)).round(1)
    y = x + draw.normal(size=len(PAIRS))
    x[3], y[5] = np.nan, np.nan
    found = association(PAIRS, x, y)
    there = np.isfinite(x) & np.isfinite(y)
    assert found.pairs == 26
    assert found.pearson == pytest.approx(stats.pearsonr(x[there], y[there])[0])
    assert found.spearman == pytest.approx(stats.spearmanr(x[there], y[there])[0])
    assert found.low < found.pearson < found.high


def test_the_interval_is_the_jackknife_over_tasks():
    draw = np.random.default_rng(1)
    x, y = draw.normal(size=(2, len(PAIRS)))
    found = association(PAIRS, x, y)
    turns = []
    for task in TASKS:
        rows = [place for place, pair in enumerate(PAIRS) if task not in pair]
        turns.append(math.atanh(np.corrcoef(x[rows], y[rows])[0, 1]))
    error = math.sqrt(7 / 8 * sum((turn - np.mean(turns)) ** 2 for turn in turns))
    assert found.high == pytest.approx(math.tanh(math.atanh(found.pearson) + 1.959964 * error))


def test_pairs_that_share_tasks_are_not_independent():
    """Numbers that are sums of task effects: the interval is wider than that of as many independent points."""
    draw = np.random.default_rng(2)
    widths, naive = [], []
    for _ in range(30):
        a, b = (dict(zip(TASKS, draw.normal(size=8), strict=True)) for _ in range(2))
        found = association(PAIRS, [a[i] + a[j] for i, j in PAIRS], [b[i] + b[j] for i, j in PAIRS])
        widths.append(math.atanh(found.high) - math.atanh(found.low))
        naive.append(2 * 1.96 / math.sqrt(len(PAIRS) - 3))
    assert np.median(widths) > 1.3 * np.median(naive)


@pytest.mark.parametrize("values", [[1.0] * 28, [0.1] * 28, [0.3 + 1e-16 * i for i in range(28)], [math.nan] * 28])
def test_a_constant_or_nothing_has_no_correlation(values):
    found = association(PAIRS, values, list(range(28)))
    assert math.isnan(found.pearson) and math.isnan(found.low)


def test_few_tasks_have_no_interval():
    pairs = list(itertools.combinations("abcd", 2))
    found = association(pairs, [1, 2, 3, 4, 5, 7], [1, 3, 2, 4, 6, 5])
    assert math.isfinite(found.pearson) and math.isnan(found.low)
