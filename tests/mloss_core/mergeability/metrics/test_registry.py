import math

import numpy as np
import pytest

from mloss_core.caching import Cache
from mloss_core.errors import UnknownNameError
from mloss_core.mergeability import METRICS, Undefined, get_metric
from mloss_core.mergeability.metrics.registry import ALIASES, CATEGORIES, METRIC_SETS, PUBLISHED
from mloss_core.mergeability.pairs import facts_of_pairs
from mloss_core.mergeability.sources.table import SOURCES
from mloss_core.recipe import MLossOptions
from tests.zoos import tiny_zoo

FEW = MLossOptions(samples_per_task=4)
SELF = {
    "mloss": 0.0,
    "mloss_normalised": 0.0,
    "expected_mloss": 0.0,
    "expert_gap": 0.0,
    "expert_gap_normalised": 0.0,
    "task_vector_cosine_similarity": 1.0,
    "task_vector_l2_distance": 0.0,
    "task_vector_dot_product": lambda facts: facts["square_a"],
    "weight_space_angle": 0.0,
    "task_vector_magnitude_ratio": 1.0,
    "effective_rank": 1.0,
    "effective_rank_mergeability_score": 1.0,
    "stable_rank": 1.0,
    "spectral_gap": 1.0,
    "singular_value_ratio": 0.0,
    "layerwise_effective_rank": 1.0,
    "layerwise_effective_rank_mergeability_score": 1.0,
    "singular_value_overlap": 1.0,
    "subspace_overlap": 1.0,
    "right_subspace_overlap_top_k": 1.0,
    "right_subspace_overlap_bottom_k": 1.0,
    "interaction_matrix_overlap_top_k": 1.0,
    "interaction_matrix_overlap_bottom_k": 1.0,
    "singular_task_interference": 1.0,
    "activation_l2_distance": 0.0,
    "activation_cosine_similarity": 1.0,
    "activation_magnitude_ratio": 1.0,
    "activation_dot_product": lambda facts: facts["square_a"],
    "linear_cka": 1.0,
    "encoder_gradient_cosine_similarity": 1.0,
    "encoder_gradient_l2_distance": 0.0,
    "encoder_gradient_dot_product": lambda facts: facts["encoder_square_a"],
    "input_gradient_cosine_similarity": 1.0,
    "input_gradient_l2_distance": 0.0,
    "input_gradient_dot_product": lambda facts: facts["input_square_a"],
    "sign_conflict": 0.0,
    "zero_shot_strength": lambda facts: facts["accuracy"][0],
    "merged_agreement": 1.0,
}
"""What each metric says of a model beside itself. A new metric must be listed here."""


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(tasks=3, layers=2)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


@pytest.fixture
def value(zoo, cache):
    def of(metric, *pair):
        return metric.function(facts(metric, *pair))

    def facts(metric, *pair):
        return facts_of_pairs(zoo, metric.facts, [pair], FEW, cache=cache)[pair]

    of.facts = facts
    return of


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
class TestEveryMetric:
    def test_its_record_is_complete(self, metric):
        assert METRICS[metric.name] is metric is get_metric(metric.name)
        assert metric.title and metric.unit and metric.formula and metric.summary.endswith(".")
        assert metric.category in CATEGORIES
        assert metric.facts in SOURCES
        assert metric.needs_data in {None, "unlabeled", "labeled"}
        assert metric.higher_is_better in {True, False, None}

    def test_a_symmetric_one_is_symmetric_and_no_other_is(self, metric, value):
        there, back = value(metric, "apples", "boats"), value(metric, "boats", "apples")
        assert math.isfinite(there)
        # M-Loss is computed in single precision, around the first model of the pair.
        assert (there == pytest.approx(back, rel=1e-6)) == metric.symmetric

    def test_a_model_beside_itself(self, metric, value):
        expected = SELF[metric.name]
        known = float(expected(value.facts(metric, "boats", "boats"))) if callable(expected) else expected
        # The angle of 1e-8 off a cosine of 1 is 1e-4 degrees, and a rank near 1 has a steep root.
        assert value(metric, "boats", "boats") == pytest.approx(known, abs=1e-3 if known < 2 else 1e-6)

    def test_its_value_lies_in_its_range(self, metric, value):
        low, high = metric.range
        assert low <= value(metric, "apples", "boats") <= high

    def test_pairs_differ(self, metric, value):
        assert value(metric, "apples", "boats") != value(metric, "apples", "clouds")


def test_the_published_metrics_are_28_in_five_categories():
    assert len(PUBLISHED) == 28 and len({METRICS[name].category for name in PUBLISHED}) == 5
    sizes = {name: len(METRIC_SETS[name]) for name in ("all28", "dedup25", "data_free18", "clean24")}
    assert sizes == {"all28": 28, "dedup25": 25, "data_free18": 18, "clean24": 24}
    assert not set(PUBLISHED) & set(METRIC_SETS["ours"])


@pytest.mark.parametrize(("short", "name"), ALIASES.items())
def test_short_names_are_understood(short, name):
    assert get_metric(short) is METRICS[name]


def test_every_metric_has_a_known_self_value():
    assert set(SELF) == set(METRICS)


def facts(dot, square_a, square_b, both=1.0, conflicts=0.0):
    named = {"dot": dot, "square_a": square_a, "square_b": square_b, "both": both, "conflicts": conflicts}
    return {name: np.array(number, np.float64) for name, number in named.items()}


@pytest.mark.parametrize(
    ("found", "cosine", "distance"),
    [
        (facts(3, 9, 4), 0.5, math.sqrt(7)),
        (facts(0, 1, 4), 0.0, math.sqrt(5)),
        (facts(-6, 9, 4), -1.0, 5.0),
        (facts(4 + 1e-12, 4, 4), 1.0, 0.0),
    ],
)
def test_hand_worked_geometry(found, cosine, distance):
    assert METRICS["task_vector_cosine_similarity"].function(found) == cosine
    assert METRICS["task_vector_l2_distance"].function(found) == pytest.approx(distance, abs=1e-9)


def test_lengths_whose_product_overflows_still_have_an_angle():
    assert METRICS["task_vector_cosine_similarity"].function(facts(1e200, 1e200, 1e200)) == pytest.approx(1.0)
    assert METRICS["task_vector_cosine_similarity"].function(facts(1e-200, 1e-200, 1e-200)) == pytest.approx(1.0)


def test_a_hand_worked_sign_conflict():
    assert METRICS["sign_conflict"].function(facts(0, 1, 1, both=8, conflicts=2)) == 0.25


def test_undefined_is_said_with_a_reason():
    assert METRICS["task_vector_cosine_similarity"].function(facts(0, 0, 4)) == Undefined(
        "a task vector is zero, so there is no angle"
    )
    assert METRICS["sign_conflict"].function(facts(0, 1, 1, both=0)) == Undefined(
        "no weight was changed by both models"
    )


def test_mloss_is_the_mean_over_blocks():
    found = {"mloss": np.array([1.0, 2.0, 6.0]), "normalised": np.array([0.1, 0.2, 0.3])}
    assert METRICS["mloss"].function(found) == 3.0
    assert METRICS["mloss_normalised"].function(found) == pytest.approx(0.2)


def test_an_unknown_metric_is_named():
    with pytest.raises(UnknownNameError, match="unknown metric 'cosine'"):
        get_metric("cosine")
