import io

import numpy as np
import pandas as pd
import pytest

from mloss_core.evaluation.exports import rows_csv, rows_markdown
from mloss_core.evaluation.paired import difference
from mloss_core.evaluation.ranking import best_merge, ordered
from mloss_core.evaluation.rows import EvaluationRow
from mloss_core.recipe import Recipe
from ui.merge.rows import table_frame

TASKS = ("digits", "shapes")


def row(key, kind="merged", digits=0.5, shapes=0.7, **changes):
    accuracy = {"digits": digits, "shapes": shapes}
    average = (digits + shapes) / 2
    values = {"standard_error": 0.01, "variance": 0.01, "worst": min(digits, shapes), "normalised": 0.75, **changes}
    return EvaluationRow(key=key, model=key, kind=kind, accuracy=accuracy, average=average, **values)


def test_a_paired_difference_by_hand():
    ours = row("a", digits=0.75, shapes=0.5, correct={"digits": np.array([1, 1, 1, 0]), "shapes": np.array([1, 0])})
    other = row("b", digits=0.5, shapes=0.5, correct={"digits": np.array([1, 0, 1, 0]), "shapes": np.array([0, 1])})
    gap = difference(ours, other)
    # digits: d = 0 1 0 0, var 3/16, / 4; shapes: d = 1 -1, var 1, / 2; / 2^2
    assert gap.value == pytest.approx(0.125)
    assert gap.standard_error == pytest.approx(np.sqrt((3 / 64 + 1 / 2) / 4))
    assert gap.paired


def test_paired_differences_are_those_of_the_library():
    from mloss_core.evaluation.paired import compare_rows
    from mloss_core.evaluation.rows import EvaluationRow

    rng = np.random.default_rng(0)
    made = []
    for name in "ab":
        correct = {"digits": rng.random(50) < 0.6, "shapes": rng.random(30) < 0.7}
        made.append(
            EvaluationRow.measured(
                key=name, model=name, kind="merged", correct=correct, individual=dict.fromkeys(TASKS, 0.9)
            )
        )
    ours = [
        row(found.model, digits=found.accuracy["digits"], shapes=found.accuracy["shapes"], correct=found.correct)
        for found in made
    ]
    gap, expected = difference(*ours), compare_rows(*made)
    assert gap.value == pytest.approx(expected.difference)
    assert gap.standard_error == pytest.approx(expected.standard_error)


def test_without_the_images_the_errors_add_up_as_independent():
    gap = difference(row("a", standard_error=0.03), row("b", digits=0.4, standard_error=0.04))
    assert (gap.value, gap.standard_error, gap.paired) == (pytest.approx(0.05), pytest.approx(0.05), False)
    assert difference(row("a", standard_error=None), row("b")).standard_error is None


def test_different_images_are_never_paired():
    ours = row("a", correct={task: np.ones(4) for task in TASKS})
    other = row("b", correct={task: np.ones(3) for task in TASKS})
    assert not difference(ours, other).paired


def test_merges_go_from_the_best_normalised_down_and_unfinished_ones_last():
    def merge(key, normalised, kind="merged"):
        return EvaluationRow(key=key, model=key, kind=kind, normalised=normalised)

    rows = [merge("waits", None), merge("b", 0.5), merge("told", 0.99, "per_task"), merge("a", 0.7), merge("c", None)]
    assert [found.key for found in ordered(rows)] == ["a", "b", "waits", "c", "told"]


def test_a_row_without_numbers_has_no_difference():
    assert difference(EvaluationRow(key="a", model="a", kind="merged", status="queued"), row("b")) is None


def test_rows_are_ordered_and_the_best_merge_is_the_first_highest():
    rows = [
        row("ind", "individual", 0.9, 0.9),
        row("one"),
        row("ens", "ensemble"),
        row("two", shapes=0.8),
        row("three", shapes=0.8),
        row("zero", "zero_shot"),
    ]
    assert [found.key for found in ordered(rows)] == ["zero", "one", "two", "three", "ens", "ind"]
    assert best_merge(rows).key == "two"
    assert best_merge([rows[0]]) is None
    assert best_merge([*rows, row("masks", "per_task", 0.9, 0.9)]).key == "two", "what is told the task ranks apart"


def test_the_table_is_in_percent_and_variance_in_percent_squared():
    baseline = row("ens", "ensemble", 0.6, 0.7)
    frame = table_frame([baseline, row("m", agreement=0.5, kept=0.25, seconds=2.0)], TASKS, baseline)
    merged = frame.iloc[1]
    assert merged["digits"] == pytest.approx(50)
    assert merged["average"] == pytest.approx(60)
    assert merged["difference"] == pytest.approx(-5)
    assert merged["variance"] == pytest.approx(100)
    assert merged["kept"] == pytest.approx(25)
    assert np.isnan(frame.iloc[0]["difference"])
    assert np.isnan(frame.iloc[0]["agreement"])


def test_a_waiting_row_says_what_it_waits_for_and_has_empty_cells():
    frame = table_frame([EvaluationRow(key="a", model="TIES", kind="merged", status="queued")], TASKS, None)
    assert frame.iloc[0]["model"] == "TIES (queued)"
    assert frame.drop(columns="model").isna().all(axis=None)
    assert frame["average"].dtype == float


def test_the_csv_keeps_fractions_and_the_recipe():
    recipe = Recipe(method="ties", options={"keep_rate": 0.4})
    waiting = EvaluationRow(key="w", model="w", kind="merged", status="queued")
    text = rows_csv([row("m", recipe=recipe.to_dict()), waiting], TASKS)
    (read,) = pd.read_csv(io.StringIO(text)).to_dict("records")
    assert read["digits"] == 0.5
    assert Recipe.from_json(read["recipe"]) == recipe


def test_the_markdown_marks_the_best_merge():
    lines = rows_markdown([row("a|b", shapes=0.6), row("top"), row("ens", "ensemble", 0.9, 0.9)], TASKS).splitlines()
    assert lines[0].startswith("| Model | digits | shapes | Average | ± SE |")
    assert lines[2].startswith("| a\\|b | 50.0 | 60.0 | 55.0 | 1.0 |")
    assert lines[3].startswith("| **top** | **50.0** | **70.0** | **60.0** |")
    assert lines[4].startswith("| ens | 90.0 |")


def test_a_tasks_standard_error_is_binomial():
    assert row("m", counts={"digits": 100}).task_error("digits") == pytest.approx(0.05)
    assert row("m").task_error("digits") is None
