import json
import math

import numpy as np
import pytest

from mloss_core.evaluation import EvaluationRow
from mloss_core.evaluation.criteria import CriterionScore


def row(*answers, individual=None, **facts):
    """A row with right (1) and wrong (0) answers by task: `row("1110", "10")`."""
    correct = {f"task{place}": np.array([mark == "1" for mark in text]) for place, text in enumerate(answers)}
    reference = individual or dict.fromkeys(correct, 1.0)
    return EvaluationRow.measured(
        **{"key": "m", "model": "M", "kind": "merged", "correct": correct, "individual": reference, **facts}
    )


def test_a_hand_worked_row():
    """Accuracies 3/4 and 1/2: mean 5/8, deviations of 1/8, errors sqrt(.75 * .25 / 4 + .5 * .5 / 2) / 2."""
    found = row("1110", "10", individual={"task0": 1.0, "task1": 0.5})
    assert found.accuracy == {"task0": 0.75, "task1": 0.5}
    assert found.counts == {"task0": 4, "task1": 2}
    assert found.average == 0.625
    assert found.variance == 1 / 64
    assert found.worst == 0.5
    assert found.normalised == (0.75 + 1.0) / 2
    assert found.standard_error == pytest.approx(math.sqrt(0.046875 + 0.125) / 2)


def test_normalised_is_the_mean_of_ratios_not_the_ratio_of_means():
    found = row("10", "1110", individual={"task0": 0.5, "task1": 1.0})
    assert found.normalised == pytest.approx((1 + 0.75) / 2)
    assert found.normalised != pytest.approx(found.average / 0.75)


def test_tasks_weigh_the_same_whatever_their_size():
    assert row("1" * 90 + "0" * 10, "0").average == pytest.approx(0.45)


def test_all_right_has_no_sampling_error_and_no_variance():
    found = row("11", "1111")
    assert (found.average, found.standard_error, found.variance, found.worst) == (1, 0, 0, 1)


def test_normalised_by_an_encoder_that_is_never_right_is_undefined():
    found = row("10", individual={"task0": 0.0})
    assert found.normalised is None
    assert found.to_dict()["normalised"] is None


def test_standard_error_falls_with_the_root_of_the_images():
    assert row("10" * 200).standard_error == pytest.approx(row("10" * 2).standard_error / 10)


def test_to_dict_has_the_documented_fields():
    found = row("1110", "10", recipe={"method": "ties"}).to_dict()
    assert found == {
        "key": "m",
        "model": "M",
        "kind": "merged",
        "recipe": {"method": "ties"},
        "tasks": {"task0": 0.75, "task1": 0.5},
        "average": 0.625,
        "standard_error": pytest.approx(0.2073, abs=1e-4),
        "normalised": 0.625,
        "variance": 1 / 64,
        "worst": 0.5,
    }


def test_a_row_comes_back_from_a_result_file_under_the_name_that_is_wanted():
    stored = row("1110", "10", recipe={"method": "ties"})
    found = EvaluationRow.from_entry(*stored.to_entry(), "k", model="mine", kept=0.7)
    assert (found.key, found.model, found.kept, found.recipe) == ("k", "mine", 0.7, {"method": "ties"})
    assert found.numbers() == stored.numbers() and found.counts == stored.counts
    assert all((found.correct[task] == stored.correct[task]).all() for task in stored.correct)


def test_a_row_without_figures_says_what_it_waits_for():
    waiting = EvaluationRow(key="k", model="M", kind="merged", status="queued")
    assert not waiting.done and set(waiting.numbers().values()) == {None} and row("10").done


def test_criteria_survive_storing():
    score = CriterionScore(
        criterion="expert_agreement", value=0.75, standard_error=0.1, tasks={"a": 0.75}, images={"a": 4}, split="train"
    )
    kept = EvaluationRow(key="m", model="M", kind="merged", criteria={"expert_agreement": score})
    stored = kept.to_dict()
    assert (stored["expert_agreement"], stored["expert_agreement_standard_error"]) == (0.75, 0.1)
    again = EvaluationRow.from_entry(json.loads(json.dumps(stored)), {}, "m")
    assert again.criteria == kept.criteria and again.expert_agreement == 0.75 and not again.done
