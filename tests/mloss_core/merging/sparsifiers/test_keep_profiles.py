import numpy as np
import pytest

from mloss_core.merging.flat.m_ties import MTiesOptions
from mloss_core.merging.sparsifiers.keep_profiles import budget_sentence, keep_profile

SCORES = {0: np.array([3.0, 1.0, 2.0]), 1: np.array([1.0, 2.0, 9.0]), 2: np.array([5.0, 5.0, 5.0])}


def profile(blocks=None, **options):
    return keep_profile(SCORES, MTiesOptions(**{"keep_rate": 0.8, "span": 0.2, **options}), blocks)


def test_the_most_conflicted_node_keeps_k_minus_e():
    rates = profile().rates
    assert rates[0] == pytest.approx([0.6, 0.8, 0.7])
    assert rates[1] == pytest.approx([0.8, 0.7, 0.6])


def test_blocks_that_are_not_chosen_keep_k():
    found = profile(blocks=(1,))
    assert found.guided == (1,)
    assert found.rates[0] == pytest.approx([0.8, 0.8, 0.8])
    assert found.guided_mean == pytest.approx(0.7)
    assert found.site_mean == pytest.approx((0.8 * 6 + 0.7 * 3) / 9)


def test_span_zero_and_uniform_are_flat():
    assert profile(span=0.0).rates[1] == pytest.approx([0.8] * 3)
    assert profile(ranking="uniform").rates[1] == pytest.approx([0.7] * 3)


def test_the_random_ranking_is_keyed_by_seed_as_the_merge_is():
    from mloss_core.merging.sparsifiers.keep_rates import keep_rate_profile

    options = MTiesOptions(keep_rate=0.8, span=0.2, ranking="random")
    found = keep_profile(SCORES, options, None, seed=5).rates[1]
    key = "transformer.resblocks.1.mlp.c_fc.weight"
    assert found == pytest.approx(keep_rate_profile(SCORES[1], 0.8, 0.2, "random", seed=5, key=key))


@pytest.mark.parametrize(
    ("blocks", "options", "words"),
    [
        (None, {}, "Rows of all blocks keep 70.0 % on average; a uniform k would keep 80.0 %."),
        ((1, 2), {}, "Rows of blocks 1 and 2 keep 70.0 %"),
        (None, {"schedule": "budget_preserving"}, "80.0 % on average: the same budget as a uniform k."),
        ((), {}, "No block is chosen"),
    ],
)
def test_the_budget_is_said_against_a_uniform_keep_rate(blocks, options, words):
    assert words in budget_sentence(profile(blocks, **options))
