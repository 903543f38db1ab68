"""The states of a live recipe: in their order, each a whole one, the last like `evaluate`."""

import dataclasses
import json

import pytest

from mloss_core import Recipe, evaluate, merge
from mloss_core.errors import JobCancelledError, ZooError
from mloss_core.evaluation import compare_rows, evaluate_weights
from mloss_core.evaluation.controls import control_recipes
from mloss_core.evaluation.criteria import criterion_scores
from mloss_core.whatif import Workbench, live_states
from mloss_core.whatif.live import image_counts, image_stages
from tests.mloss_core.whatif.conftest import MLOSS

GUIDED = Recipe(method="m_ties", options={"keep_rate": 0.6, "span": 0.3}, mloss=MLOSS)


@pytest.fixture(scope="module")
def states(bench):
    found = [state for state in live_states(bench, GUIDED, split="test", seeds=2) if state]
    json.dumps(found, allow_nan=False)
    return found


def test_first_the_budget_then_few_images_then_all(states):
    order = list(dict.fromkeys(state["stage"] for state in states))
    assert order == ["kept", "few", "all"] and "row" not in states[0]
    assert [state["final"] for state in states] == [False] * (len(states) - 1) + [True]
    assert 0 < states[0]["kept_fraction"] < 1 and states[0]["realised_keep"]
    few, whole = (next(state for state in states if state["stage"] == stage) for stage in ("few", "all"))
    assert few["images"] == 3 * 64 and whole["images"] == 3 * 200
    assert few["row"]["standard_error"] > whole["row"]["standard_error"]


def test_the_last_state_is_what_evaluate_says(zoo, states):
    table = evaluate(zoo, [merge(zoo, GUIDED)], split="test").set_index("kind").loc["merged"]
    last = states[-1]
    assert last["row"]["average"] == pytest.approx(table["average"], abs=1e-12)
    assert last["row"]["tasks"] == pytest.approx(table[list(zoo.tasks)].to_dict(), abs=1e-12)
    assert last["digest"] == GUIDED.digest and last["name"].startswith("M-TIES k 0.6 e 0.3")


def test_controls_are_paired_with_the_recipe_on_the_same_images(zoo, states):
    controls = {control["name"]: control for control in states[-1]["controls"]}
    assert list(controls) == [
        "e = 0",
        "reversed ranks",
        "random ranks (seed 0)",
        "random ranks (seed 1)",
        "same budget, no ranks",
    ]
    ours = evaluate_weights(zoo, merge(zoo, GUIDED))
    theirs = evaluate_weights(zoo, merge(zoo, control_recipes(GUIDED)["reversed ranks"]))
    found, expected = controls["reversed ranks"], compare_rows(ours, theirs)
    assert found["difference"] == pytest.approx(expected.difference, abs=1e-12)
    assert found["difference_error"] == pytest.approx(expected.standard_error, abs=1e-12)
    assert found["stage"] == "all" and "The M-Loss ranks of" in states[-1]["verdict"]
    assert controls["same budget, no ranks"]["kept_fraction"] == pytest.approx(states[-1]["kept_fraction"], abs=1e-3)
    first = next(state for state in states if state["controls"])
    assert [control["stage"] for control in first["controls"]] == ["few"] * 5


def test_a_recipe_without_guide_has_no_controls(bench):
    last = list(live_states(bench, Recipe(method="ties"), split="val", limit=20))[-1]
    assert last["final"] and last["controls"] == [] and "verdict" not in last
    assert last["stage"] == "all" and last["images"] == 60


@pytest.mark.parametrize(("criterion", "split"), [("expert_agreement", "train"), ("expert_kl", "val")])
def test_without_labels_the_last_state_is_what_criterion_scores_says(zoo, monkeypatch, criterion, split):
    monkeypatch.setattr(type(zoo.datasets["apples"]), "labels", None)
    last = list(live_states(Workbench(zoo), GUIDED, split=split, criterion=criterion, limit=100, seeds=1))[-1]
    json.dumps(last, allow_nan=False)
    result = merge(zoo, GUIDED)
    expected = criterion_scores(zoo, result, (criterion, "expert_agreement"), images=100, source=split)
    found, row = expected[criterion], last["row"]
    assert (row["average"], row["standard_error"]) == pytest.approx((found.value, found.standard_error), abs=1e-6)
    assert row["tasks"] == pytest.approx(found.tasks, abs=1e-6) and row["counts"] == found.images
    assert last["agreement"] == pytest.approx(expected["expert_agreement"].value, abs=1e-6)
    control = control_recipes(GUIDED)["reversed ranks"]
    theirs = criterion_scores(zoo, merge(zoo, control), (criterion,), images=100, source=split)[criterion]
    gap = {one["name"]: one["difference"] for one in last["controls"]}["reversed ranks"]
    assert gap == pytest.approx(found.value - theirs.value, abs=1e-6)
    assert ("in points" in last["differences"]) is (criterion == "expert_agreement") and last["labels"] is False


def test_without_heads_features_are_compared(zoo):
    headless = dataclasses.replace(zoo, heads={})
    ties = Recipe(method="ties")
    last = list(live_states(Workbench(headless), ties, split="train", criterion="feature_cosine", limit=20))[-1]
    assert last["agreement"] is None and last["unit"] == "cosine" and 0 < last["row"]["average"] <= 1
    with pytest.raises(ZooError, match="no zero-shot head"):
        list(live_states(Workbench(headless), ties, split="train", criterion="expert_kl", limit=20))


def test_all_images_at_once_for_whoever_waits(zoo, bench, monkeypatch):
    monkeypatch.setattr("mloss_core.whatif.live.guessed_seconds", lambda zoo, images: images / 10)
    quick = [state for state in live_states(bench, GUIDED, split="val", seeds=1) if state][-1]
    assert quick["images"] == 12 == quick["compared"] and quick["left"] == {"images": 300, "seconds": 30}
    whole = [state for state in live_states(bench, GUIDED, split="val", whole=True) if state][-1]
    assert whole["images"] == 300 and whole["controls"] == [] and "left" not in whole
    assert whole["row"]["average"] == pytest.approx(evaluate_weights(zoo, merge(zoo, GUIDED), split="val").average)


def test_large_encoders_are_asked_about_few_images(zoo, monkeypatch):
    every = image_counts(zoo, "test", None, None)
    assert every == dict.fromkeys(zoo.tasks, 200) and image_counts(zoo, "val", ("boats",), 30) == {"boats": 30}
    assert image_stages(zoo, every, None) == (("few", 64), ("all", None))
    assert image_stages(zoo, image_counts(zoo, "test", None, 30), 30) == (("all", 30),)
    monkeypatch.setattr("mloss_core.whatif.live.guessed_seconds", lambda zoo, images: images / 10)
    assert image_stages(zoo, every, None) == (("few", 4),)
    monkeypatch.setattr("mloss_core.whatif.live.guessed_seconds", lambda zoo, images: images / 100)
    assert image_stages(zoo, every, None) == (("few", 16), ("all", None))


def test_a_new_request_ends_the_old_one(bench):
    def stop():
        raise JobCancelledError("superseded.")

    states = live_states(bench, Recipe(method="dare", seed=9), split="val", stop=stop)
    assert next(states)["stage"] == "kept"
    with pytest.raises(JobCancelledError):
        list(states)
