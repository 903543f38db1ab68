import pytest

from mloss_core.evaluation.criteria import CriterionScore
from mloss_core.evaluation.ranking import find
from mloss_core.evaluation.rows import EvaluationRow
from tests.ui.merge.test_rows import TASKS, row
from ui.merge.rows import table_frame
from ui.merge.table import columns, legend, selected_cell, selected_keys, shade, styled, task_of, visible_columns


def test_shades_diverge_around_the_ensemble():
    assert shade(0.0) == "" and shade(float("nan")) == ""
    assert shade(10.0).endswith("0.25)") and shade(20.0).endswith("0.50)") and shade(90.0).endswith("0.50)")
    assert shade(10.0) != shade(-10.0)
    assert shade(10.0, "dark") != shade(10.0, "light")


def test_cells_are_shaded_against_the_ensembles_cell_and_the_best_merge_is_bold():
    rows = [row("m", digits=0.7, shapes=0.7), row("n", digits=0.2), row("ensemble", "ensemble", 0.6, 0.7)]
    frame = table_frame(rows, TASKS, find(rows, "ensemble"))
    html = styled(frame, rows, TASKS)._compute().ctx
    column = {name: place for place, name in enumerate(frame.columns)}

    def css(line, name):
        return dict(html.get((line, column[name]), []))

    assert css(0, "digits")["background-color"] == "rgba(33, 113, 181, 0.25)"
    assert css(1, "digits")["background-color"] == "rgba(217, 95, 2, 0.50)"
    assert "background-color" not in css(0, "shapes")
    assert "background-color" not in css(2, "digits")
    assert css(0, "model")["font-weight"] == "bold"
    assert "font-weight" not in css(1, "model")
    assert "background-color" not in css(0, "variance")


def test_without_an_ensemble_nothing_is_shaded():
    rows = [row("m")]
    context = styled(table_frame(rows, TASKS, None), rows, TASKS)._compute().ctx
    assert not any("background-color" in dict(css) for css in context.values())


def test_every_column_of_the_frame_has_a_heading():
    rows = [row("m")]
    frame = table_frame(rows, TASKS, None)
    assert list(columns(TASKS, rows[0])) == list(frame.columns)
    assert "that of m" in columns(TASKS, rows[0])["difference"]["help"]
    assert "20 points" in legend()


def test_what_decides_between_models_stands_before_the_tasks():
    names = list(table_frame([row("m", kept=0.4, agreement=0.7, kl=0.1, seconds=1.0)], TASKS, None).columns)
    first = ["model", "average", "standard_error", "difference", "difference_error", "normalised", "worst"]
    assert names == [
        *first,
        "expert_agreement",
        "expert_agreement_error",
        "agreement",
        "kept",
        *TASKS,
        "variance",
        "kl",
        "seconds",
    ]


def test_columns_without_any_number_are_left_out():
    rows = [row("m", kept=0.4), EvaluationRow(key="w", model="w", kind="merged", status="queued")]
    shown = visible_columns(table_frame(rows, TASKS, None))
    assert "kept" in shown and "agreement" not in shown and shown[:2] == ["model", "average"]


def judged(key, value):
    score = CriterionScore(
        criterion="expert_agreement", value=value, standard_error=0.02, tasks={}, images={}, split="train"
    )
    return EvaluationRow(key=key, model=key, kind="merged", status="no labels", criteria={"expert_agreement": score})


def test_without_accuracies_the_agreement_ranks_and_shows_its_error():
    rows = [judged("a", 0.8), judged("b", 0.9)]
    frame = table_frame(rows, TASKS, None)
    assert visible_columns(frame) == ["model", "expert_agreement", "expert_agreement_error"]
    assert list(frame["model"]) == ["a", "b"] and frame["expert_agreement_error"][0] == pytest.approx(2)
    html = styled(frame, rows, TASKS)._compute().ctx
    assert dict(html[1, 0])["font-weight"] == "bold"
    beside = table_frame([row("m"), judged("a", 0.8)], TASKS, None)
    assert "expert_agreement_error" not in visible_columns(beside) and "average" in visible_columns(beside)


@pytest.mark.parametrize(
    ("event", "keys"),
    [
        ({"selection": {"rows": [1, 0]}}, ("b", "a")),
        ({"selection": {"rows": [7, -1]}}, ()),
        ({"selection": {"rows": []}}, ()),
        (None, ()),
    ],
)
def test_a_selection_becomes_row_keys(event, keys):
    assert selected_keys(event, [row("a"), row("b")]) == keys


def test_a_clicked_figure_opens_its_images():
    rows = [row("m", digits=0.7, shapes=0.6), EvaluationRow(key="n", model="N", kind="merged", status="waiting")]

    def clicked(place, column):
        return selected_cell({"selection": {"cells": [(place, column)]}}, rows, TASKS)

    for column in ("digits", "worst", "difference", "expert_agreement"):
        assert clicked(0, column) == (rows[0], column)
    for place, column in ((0, "model"), (0, "seconds"), (1, "digits"), (5, "digits"), (-1, "digits")):
        assert clicked(place, column) is None
    for event in (None, {}, {"selection": {"cells": []}}, {"selection": {}}):
        assert selected_cell(event, rows, TASKS) is None


def test_the_task_of_a_figure():
    found = row("m", digits=0.7, shapes=0.6)
    assert task_of(found, "digits") == "digits" and task_of(found, "worst") == "shapes"
    assert task_of(found, "average") is None
