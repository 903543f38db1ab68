import json

import pytest

from mloss_core.evaluation.rows import EvaluationRow
from mloss_core.recipe import Recipe
from tests.ui.merge.test_rows import row
from ui.inspect import links, state
from ui.inspect.links import hardest_task, open_inspect
from ui.merge.entries import Entry, row_key

ENTRY = Entry(Recipe(method="ties"))
TIES = row(row_key(ENTRY.recipe), digits=0.5, shapes=0.7)
ENSEMBLE = row("ensemble", "ensemble", 0.4, 0.9)


@pytest.fixture
def arrived(monkeypatch):
    held = {}
    monkeypatch.setattr(state, "arrive", held.update)
    monkeypatch.setattr(links, "go_to", lambda page: held.update(page=page))
    return held


def test_a_figure_opens_its_row_against_the_baseline(arrived):
    open_inspect(TIES, "digits", ENSEMBLE, [ENTRY], "val", "100")
    assert json.loads(arrived.pop("in_a")) == [{"method": "ties"}]
    assert arrived == {
        "in_b": "ensemble",
        "in_task": "digits",
        "in_split": "val",
        "in_limit": "100",
        "page": "pages/inspect.py",
    }


def test_without_a_task_it_is_the_one_furthest_behind(arrived):
    open_inspect(TIES, None, ENSEMBLE, [ENTRY], "test")
    assert arrived["in_task"] == "shapes" and "in_limit" not in arrived


def test_the_baseline_itself_is_held_against_the_expert(arrived):
    open_inspect(ENSEMBLE, "digits", ENSEMBLE, [ENTRY], "test")
    assert (arrived["in_a"], arrived["in_b"]) == ("ensemble", "individual")
    open_inspect(TIES, "digits", TIES, [ENTRY], "test")
    assert arrived["in_b"] == "individual"
    open_inspect(TIES, "digits", None, [ENTRY], "test")
    assert arrived["in_b"] == "ensemble"


def test_agreement_with_the_experts_opens_the_expert(arrived):
    open_inspect(TIES, "digits", ENSEMBLE, [ENTRY], "val", expert=True)
    assert arrived["in_b"] == "individual"
    open_inspect(row("individual", "individual"), "digits", ENSEMBLE, [ENTRY], "val", expert=True)
    assert (arrived["in_a"], arrived["in_b"]) == ("individual", "ensemble")


def test_the_hardest_task():
    assert hardest_task(TIES, None) == "digits" and hardest_task(TIES, ENSEMBLE) == "shapes"
    waiting = EvaluationRow(key="x", model="X", kind="merged", status="waiting")
    assert hardest_task(waiting, None) is None
