import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.merging import keep_rate_profile
from mloss_core.merging.sparsifiers.keep_rates import RANKINGS, SCHEDULES, WITHOUT_SCORES, keep_rates

SCORES = [3e-6, 1e-6, 2e-6]


def profile(*args, **kwargs):
    return keep_rate_profile(*args, **kwargs).round(12).tolist()


def test_the_most_conflicted_row_keeps_least():
    assert profile(SCORES, 0.8, 0.2) == [0.6, 0.8, 0.7]


def test_each_schedule_by_hand():
    assert profile(SCORES, 0.8, 0.2, schedule="one_sided") == [0.6, 0.8, 0.7]
    assert profile(SCORES, 0.7, 0.2, schedule="symmetric") == [0.5, 0.9, 0.7]
    assert profile(SCORES, 0.8, 0.2, schedule="budget_preserving") == [0.7, 0.9, 0.8]


def test_each_control_by_hand():
    assert profile(SCORES, 0.8, 0.2, "reversed") == [0.8, 0.6, 0.7]
    assert profile(SCORES, 0.8, 0.2, "uniform") == [0.7, 0.7, 0.7]
    assert profile(SCORES, 0.8, 0.2, "uniform", "symmetric") == [0.8, 0.8, 0.8]
    for schedule in SCHEDULES:
        assert profile(SCORES, 0.8, 0.2, "none", schedule) == [0.8, 0.8, 0.8]


def test_each_published_variant_by_hand():
    scores = [0.0, 1.0, 4.0]
    assert profile(scores, 1.0, 1.0, "minmax") == [1.0, 0.75, 0.0]
    assert profile(scores, 1.0, 1.0, "robust") == [1.0, 0.75, 0.0]
    middle = (np.log(1 + 1e-6) - np.log(1e-6)) / (np.log(4 + 1e-6) - np.log(1e-6))
    assert profile(scores, 1.0, 1.0, "minmax_log") == [1.0, round(1 - middle, 12), 0.0]


def test_equal_scores_rank_by_row_and_have_no_spread():
    assert profile([5.0, 5.0, 5.0], 0.8, 0.2) == [0.8, 0.7, 0.6]
    for ranking in ("minmax", "minmax_log", "robust"):
        assert profile([5.0, 5.0, 5.0], 0.8, 0.2, ranking) == [0.8, 0.8, 0.8]


def test_a_zero_interquartile_range_gives_no_spread():
    assert profile([1.0, 1.0, 1.0, 1.0, 9.0], 0.8, 0.2, "robust") == [0.8] * 5


@pytest.mark.parametrize("ranking", RANKINGS)
def test_a_single_row_keeps_the_keep_rate(ranking):
    assert profile([7.0], 0.8, 0.5, ranking) == [0.8]


def test_rates_are_cut_to_0_and_1():
    assert profile([0.0, 1.0], 0.1, 0.5) == [0.1, 0.0]
    assert profile([0.0, 1.0], 0.9, 0.5, schedule="symmetric") == [1.0, 0.4]


@pytest.mark.parametrize("ranking", RANKINGS)
def test_a_span_of_0_is_the_keep_rate_everywhere(ranking):
    assert profile(SCORES, 0.35, 0.0, ranking) == [0.35] * 3


@pytest.mark.parametrize("ranking", WITHOUT_SCORES)
def test_scoreless_rankings_ignore_the_scores(ranking):
    rows = np.random.default_rng(0).random((2, 50))
    first, second = (keep_rate_profile(row, 0.8, 0.3, ranking, seed=4, key="w") for row in rows)
    assert np.array_equal(first, second)


def test_random_ranks_are_a_permutation_keyed_by_seed_and_tensor():
    rank = keep_rate_profile(np.arange(40), 0.8, 0.3)
    shuffled = keep_rate_profile(np.arange(40), 0.8, 0.3, "random", seed=1, key="w")
    assert np.allclose(np.sort(shuffled), np.sort(rank)) and not np.allclose(shuffled, rank)
    assert not np.array_equal(shuffled, keep_rate_profile(np.arange(40), 0.8, 0.3, "random", seed=2, key="w"))
    assert not np.array_equal(shuffled, keep_rate_profile(np.arange(40), 0.8, 0.3, "random", seed=1, key="v"))


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1e-3), min_size=1, max_size=40),
    st.floats(0, 1),
    st.floats(0, 1),
    st.sampled_from(RANKINGS),
    st.sampled_from(tuple(SCHEDULES)),
)
def test_every_rate_is_a_fraction_and_ranks_never_rise_with_m_loss(scores, keep_rate, span, ranking, schedule):
    rates = keep_rate_profile(scores, keep_rate, span, ranking, schedule)
    assert rates.shape == (len(scores),) and rates.min() >= 0 and rates.max() <= 1
    if ranking in ("rank", "minmax", "minmax_log", "robust"):
        assert (np.diff(rates[np.argsort(scores, kind="stable")]) <= 1e-12).all()


def test_tensors_come_back_as_tensors():
    rates = keep_rates(torch.tensor(SCORES), 0.8, 0.2)
    assert rates.dtype == torch.float64 and rates.tolist() == pytest.approx([0.6, 0.8, 0.7])
    assert torch.equal(keep_rates(SCORES, 0.8, 0.2), rates)


def test_bad_scores_and_names_are_refused():
    with pytest.raises(InvalidOptionError, match=r"must be a vector.*\(2, 1\)"):
        keep_rate_profile([[1.0], [2.0]], 0.8, 0.1)
    with pytest.raises(InvalidOptionError, match=r"must be a vector.*\(0,\)"):
        keep_rate_profile([], 0.8, 0.1)
    with pytest.raises(InvalidOptionError, match="row 1 is nan"):
        keep_rate_profile([0.0, float("nan")], 0.8, 0.1)
    with pytest.raises(InvalidOptionError, match="minmax_log needs scores of at least 0"):
        keep_rate_profile([0.0, -1.0], 0.8, 0.1, "minmax_log")
    with pytest.raises(UnknownNameError, match="unknown ranking 'ranks': did you mean 'rank'"):
        keep_rate_profile(SCORES, 0.8, 0.1, "ranks")
    with pytest.raises(UnknownNameError, match="unknown schedule 'both'"):
        keep_rate_profile(SCORES, 0.8, 0.1, schedule="both")


def test_a_live_profile_needs_no_torch():
    code = (
        "import sys; from mloss_core.merging import METHODS, command, describe, keep_rate_profile\n"
        "keep_rate_profile([1.0, 2.0], 0.8, 0.1); METHODS['m_ties'].options_type()\n"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
