import pytest

from mloss_core.merging.methods import tidy
from mloss_core.recipe import Recipe
from ui.merge.entries import Entry
from ui.merge.results import recorded_baselines, recorded_merge, starting_entries
from ui.merge.rows import table_frame

TIES = Recipe(method="ties", options={"keep_rate": 0.8, "scale": 0.5})
ACCURACY = {"digits": 0.5, "shapes": 0.7}
SUMMARY = {"average": 0.6, "standard_error": 0.01, "normalised": 0.7}
CARD = {
    "accuracy": {"test": {"zero_shot": ACCURACY, "ensemble_logits": ACCURACY, "ties": ACCURACY}},
    "average": {"test": {"zero_shot": SUMMARY, "ensemble_logits": SUMMARY, "ties": SUMMARY}},
    "counts": {"test": {"digits": 100, "shapes": 100}},
    "chosen": {"ties": TIES.to_dict(), "future": {"method": "not_yet"}},
}


def test_baselines_of_the_card_are_rows_marked_as_recorded():
    rows = recorded_baselines(CARD, "test")
    assert [(row.key, row.kind, row.recorded) for row in rows] == [
        ("zero_shot", "zero_shot", True),
        ("ensemble", "ensemble", True),
    ]
    assert (rows[0].average, rows[0].worst, rows[0].variance) == (0.6, 0.5, pytest.approx(0.01))
    assert rows[0].task_error("digits") == pytest.approx(0.05)
    assert table_frame(rows, ("digits", "shapes"), None)["model"][0] == "Zero-shot (recorded)"


@pytest.mark.parametrize(("card", "split"), [({}, "test"), (CARD, "val")])
def test_what_the_card_does_not_have_is_not_invented(card, split):
    assert recorded_baselines(card, split) == []
    assert recorded_merge(card, split, Entry(tidy(TIES)), "k", "TIES") is None


def test_only_the_very_recipe_of_the_card_has_its_figures():
    row = recorded_merge(CARD, "test", Entry(tidy(TIES)), "k", "mine")
    assert (row.model, row.average, row.recorded, row.recipe) == ("mine", 0.6, True, tidy(TIES).to_dict())
    assert recorded_merge(CARD, "test", Entry(Recipe(method="ties")), "k", "TIES") is None


def test_a_first_visit_takes_the_tuned_merge_and_its_scale():
    assert [entry.recipe for entry in starting_entries(CARD)] == [
        Recipe(method="average"),
        TIES,
        Recipe(method="m_ties", options={"scale": 0.5}),
    ]


def test_without_a_card_the_usual_settings_start():
    assert [entry.recipe for entry in starting_entries({})] == [
        Recipe(method="average"),
        Recipe(method="ties"),
        Recipe(method="m_ties"),
    ]
