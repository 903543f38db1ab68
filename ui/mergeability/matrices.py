"""Pairs of models as matrices: orders, ranks and what there is to say about one pair."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from mloss_core.wording import span
from ui.formats import plain


@dataclasses.dataclass(frozen=True)
class View:
    """One number about each pair, as a matrix over the tasks.

    Args:
        tasks: names of rows and columns, in order.
        values: float64 (task, task), symmetric; NaN on the diagonal and where there is no number.
        higher_is_better: whether large values promise a good merge; None when neither end does.
    """

    tasks: tuple[str, ...]
    values: np.ndarray
    higher_is_better: bool | None = False

    def reordered(self, order: Sequence[int]) -> "View":
        """The same numbers with rows and columns in another order."""
        picked = np.asarray(order, dtype=int)
        return View(
            tuple(self.tasks[place] for place in order), self.values[np.ix_(picked, picked)], self.higher_is_better
        )

    def value(self, first: str, second: str) -> float:
        """The number of one pair, NaN when there is none."""
        return float(self.values[self.tasks.index(first), self.tasks.index(second)])

    @property
    def numbers(self) -> np.ndarray:
        """The finite numbers, one a pair."""
        upper = self.values[np.triu_indices(len(self.tasks), 1)]
        return upper[np.isfinite(upper)]


def matrix(pairs: pd.DataFrame, tasks: Sequence[str], column: str) -> np.ndarray:
    """A symmetric matrix of one column of a frame with a row a pair; NaN where a pair or its number is missing.

    Args:
        pairs: columns `task_a`, `task_b` and `column`.
        tasks: names of rows and columns; pairs of other tasks are left out.
    """
    places = {task: place for place, task in enumerate(tasks)}
    values = np.full((len(tasks), len(tasks)), np.nan)
    for first, second, number in pairs[["task_a", "task_b", column]].itertuples(index=False):
        if first in places and second in places and number is not None:
            values[places[first], places[second]] = values[places[second], places[first]] = float(number)
    return values


def distances(view: View) -> np.ndarray | None:
    """Distances for clustering, at least 0 and small for promising pairs; None when a number is missing."""
    upper = view.values[np.triu_indices(len(view.tasks), 1)]
    if len(upper) < 1 or not np.isfinite(upper).all():
        return None
    return upper.max() - upper if view.higher_is_better else upper - min(0.0, upper.min())


def clustering(view: View) -> np.ndarray | None:
    """Average-linkage clustering of the models with the leaves in the best order, or None when it has no basis."""
    from scipy.cluster.hierarchy import linkage

    if len(view.tasks) < 3 or (condensed := distances(view)) is None:
        return None
    return linkage(condensed, method="average", optimal_ordering=True)


def leaf_order(tree: np.ndarray | None, count: int) -> list[int]:
    """Places of the models from left to right of the tree; their own order without one."""
    from scipy.cluster.hierarchy import leaves_list

    return list(range(count)) if tree is None else [int(place) for place in leaves_list(tree)]


def branches(tree: np.ndarray) -> list[tuple[list[float], list[float]]]:
    """The tree as brackets over leaves at 0, 1, 2 ...: places and heights (0 to 1) of each join's four corners."""
    from scipy.cluster.hierarchy import dendrogram

    drawn = dendrogram(tree, no_plot=True)
    top = max(max(heights) for heights in drawn["dcoord"]) or 1.0
    return [
        ([(place - 5) / 10 for place in places], [height / top for height in heights])
        for places, heights in zip(drawn["icoord"], drawn["dcoord"], strict=True)
    ]


def rank(view: View, first: str, second: str) -> tuple[int, int] | None:
    """Place of a pair among those with a number, 1 for the most promising one, and their count."""
    value = view.value(first, second)
    if not np.isfinite(value):
        return None
    numbers = view.numbers
    ahead = numbers > value if view.higher_is_better else numbers < value
    return int(ahead.sum()) + 1, len(numbers)


def hardest(view: View) -> tuple[str, str] | None:
    """The pair that promises the worst merge, the first of equals; None when no pair has a number."""
    upper = np.triu(np.ones_like(view.values, dtype=bool), 1) & np.isfinite(view.values)
    if not upper.any():
        return None
    signed = view.values if not view.higher_is_better else -view.values
    place = int(np.where(upper, signed, -np.inf).argmax())
    first, second = np.unravel_index(place, view.values.shape)
    return view.tasks[first], view.tasks[second]


def block_profile(blocks: pd.DataFrame, first: str, second: str, column: str) -> pd.Series:
    """The value of one pair in each block, by block index."""
    forward = (blocks["task_a"] == first) & (blocks["task_b"] == second)
    backward = (blocks["task_a"] == second) & (blocks["task_b"] == first)
    return blocks[forward | backward].set_index("block")[column].sort_index()


def mean_profile(blocks: pd.DataFrame, column: str) -> pd.Series:
    """The mean over all pairs of the zoo in each block: what one pair is held against, whatever is chosen."""
    return blocks.groupby("block")[column].mean()


def pair_sentence(
    view: View, first: str, second: str, title: str, profile: pd.Series, mean: pd.Series, profiled: str = "M-Loss"
) -> str:
    """What the numbers say about one pair, in words, as Markdown; `profiled` names what the profile is of."""
    place = rank(view, first, second)
    first, second = plain(first), plain(second)
    if place is None:
        return f"There is no {title} for {first} and {second}."
    position, count = place
    parts = [f"**{first}** and **{second}** {_place_words(position, count)} by {title}."]
    if len(profile) and float(mean.sum()) > 0 and profile.sum() > 0:
        ratio = float(profile.sum() / mean.sum())
        parts.append(f"Their {profiled} is {ratio:.2g} times that of the mean pair{_where(profile, mean)}.")
    return " ".join(parts)


def pair_table(
    pairs: pd.DataFrame, tasks: Sequence[str], columns: Sequence[str], sort: str, descending: bool
) -> pd.DataFrame:
    """All pairs of the chosen tasks as a sorted table.

    Args:
        columns: numbers to keep, beside `task_a` and `task_b`.
        sort: column to sort by; pairs without its number come last.
        descending: whether large numbers come first.
    """
    chosen = pairs[pairs["task_a"].isin(tasks) & pairs["task_b"].isin(tasks)]
    ordered = chosen.sort_values(sort, ascending=not descending, kind="stable", na_position="last")
    return ordered[["task_a", "task_b", *columns]].reset_index(drop=True)


def _place_words(position: int, count: int) -> str:
    if count == 1:
        return "are the only pair"
    if position == 1:
        return f"promise the best merge of all {count} pairs"
    if position == count:
        return f"promise the worst merge of all {count} pairs"
    return f"stand at place {position} of {count} (1 promises the best merge)"


def _where(profile: pd.Series, mean: pd.Series) -> str:
    """Where a pair stands out from the mean pair, as the end of a sentence."""
    common = profile.index.intersection(mean.index)
    share, usual = profile[common] / profile[common].sum(), mean[common] / mean[common].sum()
    excess = (share - usual).dropna()
    blocks = sorted(int(block) for block in excess[excess > 0.02].index)
    if not blocks:
        return ", spread over the blocks as in other pairs"
    word = "block" if len(blocks) == 1 else "blocks"
    return f", with more of it than usual in {word} {span(blocks)}"
