import math

import numpy as np
import pytest

from mloss_core.caching import Cache
from mloss_core.errors import UnknownNameError
from mloss_core.mergeability import METRICS, Undefined, get_metric
from mloss_core.mergeability.pairs import SOURCES, facts_of_pairs
from mloss_core.recipe import MLossOptions
from tests.zoos import tiny_zoo

FEW = MLossOptions(samples_per_task=4)
SELF = {
    "mloss": 0.0,
    "mloss_normalised": 0.0,
    "task_vector_cosine": 1.0,
    "task_vector_distance": 0.0,
    "sign_conflict": 0.0,
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
        return metric.function(facts_of_pairs(zoo, metric.facts, [pair], FEW, cache=cache)[pair])

    return of


@pytest.mark.parametrize("metric", METRICS.values(), ids=lambda metric: metric.name)
class TestEveryMetric:
    def test_its_record_is_complete(self, metric):
        assert METRICS[metric.name] is metric is get_metric(metric.name)
        assert metric.title and metric.unit and metric.category and metric.summary.endswith(".")
        assert metric.facts in SOURCES
        assert metric.needs_data in {None, "unlabeled", "labeled"}
        assert metric.higher_is_better in {True, False, None}

    def test_a_symmetric_one_is_symmetric_and_no_other_is(self, metric, value):
        there, back = value(metric, "apples", "boats"), value(metric, "boats", "apples")
        assert math.isfinite(there)
        # M-Loss is computed in single precision, around the first model of the pair.
        assert (there == pytest.approx(back, rel=1e-6)) == metric.symmetric

    def test_a_model_beside_itself(self, metric, value):
        assert value(metric, "boats", "boats") == pytest.approx(SELF[metric.name], abs=1e-6)

    def test_pairs_differ(self, metric, value):
        assert value(metric, "apples", "boats") != value(metric, "apples", "clouds")


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
    assert METRICS["task_vector_cosine"].function(found) == cosine
    assert METRICS["task_vector_distance"].function(found) == pytest.approx(distance, abs=1e-9)


def test_lengths_whose_product_overflows_still_have_an_angle():
    assert METRICS["task_vector_cosine"].function(facts(1e200, 1e200, 1e200)) == pytest.approx(1.0)
    assert METRICS["task_vector_cosine"].function(facts(1e-200, 1e-200, 1e-200)) == pytest.approx(1.0)


def test_a_hand_worked_sign_conflict():
    assert METRICS["sign_conflict"].function(facts(0, 1, 1, both=8, conflicts=2)) == 0.25


def test_undefined_is_said_with_a_reason():
    assert METRICS["task_vector_cosine"].function(facts(0, 0, 4)) == Undefined(
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
