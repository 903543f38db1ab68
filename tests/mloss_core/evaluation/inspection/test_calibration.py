import numpy as np
import pytest

from mloss_core.caching import Cache
from mloss_core.errors import DatasetError
from mloss_core.evaluation import evaluate_rows
from mloss_core.evaluation.inspection.calibration import Reliability, reliability, reliability_curves
from tests.zoos import tiny_zoo


def test_a_hand_worked_curve():
    """Bins .6-.7 and .9-1: accuracies 1 and .5, |1 - .65| and |.5 - .95| for two of four images each."""
    found = reliability(np.array([0.95, 0.95, 0.65, 0.65]), np.array([1, 0, 1, 1]))
    assert found.confidence == pytest.approx((0.65, 0.95)) and found.accuracy == (1.0, 0.5) and found.count == (2, 2)
    assert found.ece == pytest.approx((0.35 + 0.45) / 2)
    assert found.error == pytest.approx((0, np.sqrt(0.25 / 2)))
    assert found.mean_accuracy == 0.75 and found.mean_confidence == pytest.approx(0.8)


def test_counts_belong_to_scikit_learn_s_bins_on_their_edges_too():
    draw = np.random.default_rng(0)
    confidence = np.round(draw.random(500), 1).clip(0, 1)
    right = draw.random(500) < 0.5
    found = reliability(confidence, right)
    assert sum(found.count) == 500 and len(found.count) == len(found.accuracy)
    whole = sum(n * accuracy for n, accuracy in zip(found.count, found.accuracy, strict=True))
    assert whole == pytest.approx(right.sum())
    ece = sum(n * abs(a - c) for n, a, c in zip(found.count, found.accuracy, found.confidence, strict=True)) / 500
    assert found.ece == pytest.approx(ece)


def test_a_calibrated_model_shows_no_more_than_its_floor():
    draw = np.random.default_rng(1)
    confidence = draw.uniform(0.3, 1, 2000)
    calibrated = reliability(confidence, draw.random(2000) < confidence)
    assert abs(calibrated.ece - calibrated.ece_floor) < 3 * calibrated.ece_error
    bold = reliability(confidence, draw.random(2000) < confidence - 0.2)
    assert bold.ece == pytest.approx(0.2, abs=0.03) and bold.ece > 5 * bold.ece_floor


def test_the_stored_form():
    found = reliability(np.array([0.5, 0.9]), np.array([True, False]), key="k", model="M", kind="merged")
    assert Reliability.from_dict(found.to_dict()) == found


def test_models_of_a_zoo_have_the_accuracies_of_the_table(tmp_path):
    zoo, cache = tiny_zoo(2, 16, 2, spread=1.0), Cache(tmp_path)
    rows = {row.key: row for row in evaluate_rows(zoo, cache=cache)}
    curves = reliability_curves(zoo, "boats", ["ensemble", "individual", "ensemble"], cache=cache)
    assert [curve.key for curve in curves] == ["ensemble", "individual"]
    for curve in curves:
        assert curve.mean_accuracy == pytest.approx(rows[curve.key].accuracy["boats"]) and curve.images == 40
    few = reliability_curves(zoo, "boats", ["zero_shot"], limit=7, cache=cache)
    assert few[0].images == 7


def test_labels_are_needed(tmp_path, monkeypatch):
    zoo = tiny_zoo(2, 16, 2)
    monkeypatch.setattr("mloss_core.evaluation.inspection.comparing.truth_of", lambda zoo, task, split: None)
    with pytest.raises(DatasetError, match="calibration needs labels; the test images of boats have none"):
        reliability_curves(zoo, "boats", ["zero_shot"], cache=Cache(tmp_path))
