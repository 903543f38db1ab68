import itertools
import math

import numpy as np
import pytest

from mloss_core.errors import InvalidOptionError
from mloss_core.mergeability import fit_predictor
from tests.mloss_core.mergeability.predictor.made_tables import made_table


def test_predictions_are_in_accuracy_units():
    frame = made_table(8)
    predictor = fit_predictor(frame, None, "normacc_ties", solver="ols")
    found = predictor.predict(frame)
    assert [one.value for one in found] == pytest.approx(frame["normacc_ties"].tolist())
    assert predictor.training_pairs == 28 and set(predictor.coefficients) == {"good", "bad", "idle"}
    assert found[0].tasks == ("t0", "t1") and found[0].outside == () and found[0].unseen == ()


def test_what_was_never_seen_is_flagged():
    frame = made_table(8, noise=0.01)
    predictor = fit_predictor(frame, None, "normacc_ties")
    new = frame.iloc[:3][["task_a", "task_b", "good", "bad", "idle"]].copy()
    new.loc[0, "good"] = 3.0
    new.loc[1, "task_b"] = "new"
    new.loc[2, ["task_a", "task_b"]] = ["new", "newer"]
    beyond, partner, strangers = predictor.predict(new)
    assert beyond.outside == ("good",) and partner.outside == ()
    assert partner.unseen == ("new",) and strangers.unseen == ("new", "newer")
    for one in (beyond, partner):
        assert one.high - one.value == pytest.approx(one.value - one.low) == pytest.approx(predictor.half_width[1])
    assert strangers.high - strangers.value == pytest.approx(predictor.half_width[2])


def test_the_interval_holds_nine_tenths_of_the_errors_on_left_out_pairs():
    from mloss_core.mergeability import cross_validate

    frame = made_table(10, noise=0.02)
    half = fit_predictor(frame, None, "normacc_ties").half_width[1]
    guesses = cross_validate(frame, None, "normacc_ties").predictions()
    inside = (guesses["predicted"] - guesses["measured"]).abs() <= half + 1e-12
    assert 0.9 <= inside.mean() < 0.93


def test_a_set_is_the_mean_of_its_pairs():
    frame = made_table(8, noise=0.02)
    predictor = fit_predictor(frame, None, "normacc_ties")
    tasks = ("t1", "t3", "t4", "t6", "t7")
    by_pair = {frozenset(one.tasks): one.value for one in predictor.predict(frame)}
    found = predictor.predict_set(frame, tasks)
    assert found.value == pytest.approx(np.mean([by_pair[frozenset(p)] for p in itertools.combinations(tasks, 2)]))
    assert found.high - found.value == pytest.approx(predictor.half_width[1])
    with pytest.raises(InvalidOptionError, match="t0 with t9 is not"):
        predictor.predict_set(frame, ("t0", "t9"))
    with pytest.raises(InvalidOptionError, match="two different tasks"):
        predictor.predict_set(frame, ("t0", "t0"))


def test_missing_metrics_give_no_number():
    frame = made_table(8)
    predictor = fit_predictor(frame, None, "normacc_ties")
    new = frame.copy()
    new.loc[0, "bad"] = np.nan
    first = predictor.predict(new)[0]
    assert math.isnan(first.value) and first.missing == ("bad",)
    with pytest.raises(InvalidOptionError, match="t0 with t1 has no bad"):
        predictor.predict_set(new, ("t0", "t1"))
    with pytest.raises(InvalidOptionError, match="needs the metric good"):
        predictor.predict(frame.drop(columns="good"))
    filled = fit_predictor(new, None, "normacc_ties", impute=True)
    assert math.isfinite(filled.predict(new)[0].value)


def test_few_tasks_give_no_interval():
    predictor = fit_predictor(made_table(4, noise=0.01), ["good"], "normacc_ties")
    assert math.isfinite(predictor.half_width[1]) and math.isnan(predictor.half_width[2])
