import numpy as np
import pandas as pd
import pytest

from ui.mergeability.matrices import (
    View,
    block_profile,
    branches,
    clustering,
    hardest,
    leaf_order,
    matrix,
    mean_profile,
    pair_sentence,
    pair_table,
    rank,
)

TASKS = ("a", "b", "c")
PAIRS = pd.DataFrame({"task_a": ["a", "a", "b"], "task_b": ["b", "c", "c"], "mloss": [3.0, 1.0, 2.0]})
BLOCKS = pd.DataFrame(
    {
        "task_a": ["a", "a", "a", "a", "b", "b"],
        "task_b": ["b", "b", "c", "c", "c", "c"],
        "block": [0, 1, 0, 1, 0, 1],
        "mloss": [2.0, 4.0, 1.0, 1.0, 3.0, 1.0],
    }
)


def view(higher=False, pairs=PAIRS, tasks=TASKS):
    return View(tasks, matrix(pairs, tasks, "mloss"), higher)


def test_the_matrix_is_symmetric_with_an_empty_diagonal():
    values = matrix(PAIRS, TASKS, "mloss")
    assert values[0, 1] == values[1, 0] == 3.0 and values[2, 1] == 2.0
    assert np.isnan(np.diag(values)).all()


def test_a_subset_of_tasks_keeps_its_pairs():
    assert matrix(PAIRS, ("c", "a"), "mloss")[0, 1] == 1.0


def test_a_missing_number_is_an_empty_cell():
    pairs = PAIRS.assign(mloss=[3.0, None, np.nan])
    found = view(pairs=pairs)
    assert np.isnan(found.value("a", "c")) and np.isnan(found.value("b", "c"))
    assert clustering(found) is None and leaf_order(None, 3) == [0, 1, 2]
    assert rank(found, "a", "c") is None


def test_ranks_count_from_the_most_promising_pair():
    assert rank(view(), "a", "c") == (1, 3) and rank(view(), "b", "a") == (3, 3)
    assert rank(view(higher=True), "a", "b") == (1, 3)


def test_the_hardest_pair_is_the_largest_loss_or_the_smallest_cosine():
    assert hardest(view()) == ("a", "b")
    assert hardest(view(higher=True)) == ("a", "c")
    assert hardest(View(("a", "b"), np.full((2, 2), np.nan))) is None


def test_reordering_moves_rows_and_columns_together():
    moved = view().reordered([2, 0, 1])
    assert moved.tasks == ("c", "a", "b")
    assert moved.value("a", "b") == 3.0 and moved.value("c", "b") == 2.0


def test_clustering_puts_near_models_side_by_side():
    near = {("a", "c"): 0.1, ("b", "d"): 0.2}
    tasks = ("a", "b", "c", "d")
    rows = [(x, y, near.get((x, y), 5.0)) for i, x in enumerate(tasks) for y in tasks[i + 1 :]]
    found = view(pairs=pd.DataFrame(rows, columns=["task_a", "task_b", "mloss"]), tasks=tasks)
    names = [tasks[place] for place in leaf_order(clustering(found), 4)]
    assert abs(names.index("a") - names.index("c")) == 1
    assert abs(names.index("b") - names.index("d")) == 1


def test_the_tree_is_drawn_over_leaves_at_whole_numbers():
    drawn = branches(clustering(view()))
    assert len(drawn) == 2
    feet = sorted(p for places, heights in drawn for p, h in zip(places, heights, strict=True) if h == 0)
    assert feet == [0.0, 1.0, 2.0]
    assert max(max(heights) for _, heights in drawn) == 1.0


def test_profiles_of_a_pair_and_of_the_mean_pair():
    assert block_profile(BLOCKS, "b", "a", "mloss").to_dict() == {0: 2.0, 1: 4.0}
    assert mean_profile(BLOCKS, "mloss").to_dict() == {0: 2.0, 1: 2.0}


def test_the_sentence_says_place_ratio_and_where():
    profile, mean = block_profile(BLOCKS, "a", "b", "mloss"), mean_profile(BLOCKS, "mloss")
    assert pair_sentence(view(), "a", "b", "M-Loss", profile, mean) == (
        "**a** and **b** promise the worst merge of all 3 pairs by M-Loss. Their M-Loss is 1.5 times that of the mean "
        "pair, with more of it than usual in block 1."
    )
    profile = block_profile(BLOCKS, "a", "c", "mloss")
    assert "spread over the blocks as in other pairs" in pair_sentence(view(), "a", "c", "M-Loss", profile, mean)
    words = pair_sentence(view(), "a", "c", "Linear CKA", profile, mean, "linear CKA")
    assert "Their linear CKA is" in words and "M-Loss" not in words


def test_a_pair_without_a_number_is_not_given_one():
    empty = View(("a", "b"), np.full((2, 2), np.nan))
    none = pd.Series(dtype=float)
    assert pair_sentence(empty, "a", "b", "cosine", none, none) == "There is no cosine for a and b."


@pytest.mark.parametrize(("descending", "first"), [(True, ("a", "b")), (False, ("a", "c"))])
def test_the_table_is_sorted_with_missing_numbers_last(descending, first):
    pairs = pd.concat([pd.DataFrame({"task_a": ["a"], "task_b": ["x"], "mloss": [np.nan]}), PAIRS])
    table = pair_table(pairs, (*TASKS, "x"), ["mloss"], "mloss", descending)
    assert tuple(table.iloc[0][["task_a", "task_b"]]) == first
    assert table.iloc[-1]["task_b"] == "x"
    assert len(pair_table(pairs, ("a", "b"), ["mloss"], "mloss", descending)) == 1
