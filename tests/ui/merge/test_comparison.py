import pytest

from mloss_core.evaluation.rows import EvaluationRow
from mloss_core.merging.methods import spelt_out, tidy
from mloss_core.recipe import Recipe
from tests.ui.merge.test_rows import row
from ui.merge.comparison import shown_rows
from ui.merge.entries import Entry
from ui.merge.row_actions import file_stem

ROWS = [
    row("zero_shot", "zero_shot"),
    row("a"),
    row("b", shapes=0.9),
    row("ensemble", "ensemble"),
    row("ensemble_features", "ensemble"),
    row("individual", "individual"),
    EvaluationRow(key="w", model="w", kind="merged", status="queued"),
]


def keys(*selected, baseline=None):
    return [found.key for found in shown_rows(ROWS, selected, baseline)]


def test_without_a_selection_the_best_merge_stands_among_the_baselines():
    assert keys() == ["zero_shot", "b", "ensemble", "individual"]


def test_selected_rows_are_shown_in_the_tables_order_and_unfinished_ones_left_out():
    assert keys("individual", "a", "w") == ["a", "individual"]


@pytest.mark.parametrize(
    ("selected", "baseline", "shown"),
    [("a", 2, ["a", "b"]), ("b", 2, ["b", "ensemble"]), ("ensemble", 3, ["ensemble"])],
)
def test_a_single_row_has_something_to_be_compared_with(selected, baseline, shown):
    assert keys(selected, baseline=ROWS[baseline]) == shown


def test_file_names_are_plain_letters():
    recipe = Recipe(method="m_ties", options={"keep_rate": 0.8, "scale": 0.5}, blocks=(8, 9))
    assert file_stem(Entry(recipe)) == "m-ties-k-0.8-e-0.1-scale-0.5-8-9"
    assert file_stem(Entry(recipe, "../../etc")) == "etc"
    assert file_stem(Entry(recipe, "日本")) == "m_ties"


def test_a_downloaded_recipe_writes_every_option_out():
    recipe = tidy(Recipe(method="ties", options={"keep_rate": 0.2, "scale": 0.5}))
    read = Recipe.from_json(spelt_out(recipe).to_json())
    assert dict(read.options) == {
        "keep_rate": 0.2,
        "scope": "global",
        "scale": 0.5,
        "domain": "moving",
        "merge": "mean",
    }
    assert tidy(read) == recipe
