import numpy as np
import pytest

from mloss_core.evaluation.paired import difference
from mloss_core.evaluation.ranking import find
from mloss_core.lab.requests import recipe_request
from mloss_core.merging.methods import tidy
from mloss_core.recipe import Recipe
from tests.pages.merge_lab import TASKS, FakeLab, zoo
from ui.merge.entries import Entry
from ui.merge.results import BASELINES, baseline_rows, compare, recipe_row

ENTRY = Entry(tidy(Recipe(method="ties", options={"keep_rate": 0.4})), "mine")


@pytest.fixture
def lab(monkeypatch):
    return FakeLab().install(monkeypatch)


def test_baselines_are_four_rows_with_their_answers(lab):
    rows = baseline_rows(lab.payload_of(lab.submit(BASELINES, {})))
    assert {row.key: row.kind for row in rows} == {
        "zero_shot": "zero_shot",
        "ensemble": "ensemble",
        "ensemble_features": "ensemble",
        "individual": "individual",
    }
    assert all(set(row.correct) == set(TASKS) for row in rows)
    ensemble, individual = find(rows, "ensemble"), find(rows, "individual")
    assert difference(individual, ensemble).paired
    assert np.mean(ensemble.correct["digits"]) == ensemble.accuracy["digits"]


def test_a_recipe_row_carries_what_its_job_found(lab):
    row = recipe_row(
        lab.payload_of(lab.submit("recipe", recipe_request("demo", ENTRY.recipe, "val", None, TASKS))), ENTRY, "mine"
    )
    assert row.key == ENTRY.recipe.digest[:10] and row.model == "mine" and row.recipe == ENTRY.recipe.to_dict()
    assert (row.kept, row.agreement, row.kl, row.seconds) == (0.7, 0.7, 0.4, 1.5)
    assert row.realised["transformer.resblocks.3.mlp.c_fc.weight"] == 0.75


def test_baselines_are_asked_for_last_and_the_recipe_goes_out_whole(lab):
    compare(zoo(), [ENTRY], "val")
    assert [kind for kind, _ in lab.submitted] == ["recipe", "baselines"]
    assert lab.submitted[0][1] == {"zoo": "demo", "recipe": ENTRY.recipe.to_dict(), "split": "val"}


def test_recorded_figures_can_do_until_something_is_chosen(lab):
    levels = dict.fromkeys(TASKS, 0.5)
    summary = {"average": 0.5, "standard_error": 0.01, "normalised": 0.6}
    card = {
        "accuracy": {"test": {"zero_shot": levels, "ties": levels}},
        "average": {"test": {"zero_shot": summary, "ties": summary}},
        "chosen": {"ties": ENTRY.recipe.to_dict()},
    }
    other = Entry(tidy(Recipe(method="m_ties")))
    rows = compare(zoo(card=card), [ENTRY, other], "test", content=True).rows
    assert [params["recipe"]["method"] for _, params in lab.submitted] == ["m_ties"]
    assert {row.key for row in rows if row.recorded} == {"zero_shot", ENTRY.recipe.digest[:10]}
    compare(zoo(card=card), [ENTRY, other], "val", content=True)
    assert len(lab.submitted) == 4, "the card has no figures of this split"
    compare(zoo(card=card), [ENTRY, other], "test")
    assert [kind for kind, _ in lab.submitted[4:]] == ["recipe", "recipe", "baselines"]
    rows = compare(zoo(card=card), [ENTRY, other], "test", content=True).rows
    assert not any(row.recorded for row in rows), "what is measured is shown"


def test_a_merge_of_fewer_models_is_evaluated_on_all_tasks():
    few = Entry(Recipe(method="ties", tasks=("digits", "shapes")))
    assert recipe_request("demo", few.recipe, "test", None, TASKS)["tasks"] == list(TASKS)
    assert "tasks" not in recipe_request("demo", ENTRY.recipe, "test", None, TASKS)


@pytest.mark.parametrize(("status", "word"), [("queued", "waiting"), ("running", "running")])
def test_jobs_under_way_are_rows_without_numbers(monkeypatch, status, word):
    FakeLab({"ties": status}).install(monkeypatch)
    found = compare(zoo(), [ENTRY], "test")
    row = find(found.rows, ENTRY.recipe.digest[:10])
    assert row.status == word and not row.done
    assert [label for _, label in found.active] == ["mine"] and not found.problems


@pytest.mark.parametrize(("status", "sentence"), [("failed", "No space."), ("cancelled", "cancelled.")])
def test_jobs_that_ended_without_result_are_problems(monkeypatch, status, sentence):
    FakeLab({"ties": status}, error="No space." if status == "failed" else "").install(monkeypatch)
    found = compare(zoo(), [ENTRY], "test")
    (problem,) = found.problems
    assert (problem.label, problem.sentence, problem.digest) == ("mine", sentence, ENTRY.key)
    assert not found.active


def test_a_refused_request_is_a_problem_and_the_rest_goes_on(monkeypatch):
    FakeLab(refuse="No cache.").install(monkeypatch)
    found = compare(zoo(), [ENTRY], "test")
    assert [problem.sentence for problem in found.problems] == ["No cache.", "No cache."]
    assert found.problems[-1].digest is None
