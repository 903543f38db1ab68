"""The page's first sentence: what this zoo says about M-Loss and which pairs merge."""

import math

import numpy as np

from mloss_core.mergeability.metrics.registry import METRICS
from mloss_core.mergeability.predictor.scores import LEAST_POINTS
from ui.formats import plain
from ui.mergeability.choices import DEFAULT, Pairs, method_title, pair_view, quality_view
from ui.mergeability.matrices import View, hardest
from ui.mergeability.scatter import goes_with, signed


def answer(pairs: Pairs, tasks: tuple[str, ...], method: str | None) -> str:
    """What the numbers of the chosen tasks say, as Markdown: with measured merges how well M-Loss tells them apart."""
    usual = METRICS[DEFAULT] if DEFAULT in pairs.numbers else pairs.metrics[0]
    view = pair_view(pairs, tasks, usual, None)
    if method is None:
        return _unmeasured(view, usual.title)
    quality = quality_view(pairs, tasks, method)
    found = goes_with(view, quality)
    if math.isnan(found.pearson):
        return f"{_spread(quality)} {_no_correlation(found.pairs, usual.title)}"
    best = _best_published(pairs, tasks, quality, usual.name)
    interval = "" if math.isnan(found.low) else f", 95 %: {signed(found.low)} to {signed(found.high)}"
    words = f"**{usual.title}** goes with the measured quality of {method_title(method)} by r = {signed(found.pearson)}"
    rest = "" if best is None else f"; the best of {best[2]} published metrics, **{best[0]}**, by r = {signed(best[1])}"
    return f"{words} over {found.pairs} pairs{interval}{rest}. {_spread(quality)}"


def _best_published(pairs: Pairs, tasks: tuple[str, ...], quality: View, usual: str) -> tuple[str, float, int] | None:
    """The strongest of the other published metrics that were measured: a choice among many, so say among how many."""
    others = [metric for metric in pairs.metrics if metric.published and metric.name != usual]
    found = [(metric.title, goes_with(pair_view(pairs, tasks, metric, None), quality).pearson) for metric in others]
    known = [one for one in found if math.isfinite(one[1])]
    if not known:
        return None
    title, r = max(known, key=lambda one: abs(one[1]))
    return title, r, len(known)


def _spread(quality: View) -> str:
    numbers = 100 * quality.numbers
    if not len(numbers):
        return "No merge of a pair of these models has a measured quality."
    if len(numbers) == 1:
        return f"The one merged pair keeps {numbers[0]:.1f} % of its individual accuracy."
    return f"Merged pairs keep {numbers.min():.1f} to {numbers.max():.1f} % of their individual accuracy."


def _no_correlation(count: int, title: str) -> str:
    why = f"{count} {'pair is' if count == 1 else 'pairs are'} too few" if count < LEAST_POINTS else "one value for all"
    return f"Nothing tells whether {title} goes with it: {why}."


def _unmeasured(view: View, title: str) -> str:
    worst = hardest(view)
    if worst is None:
        return f"No pair of these models has a number for {title}."
    if len(view.numbers) == 1:
        return f"**{plain(worst[0])}** and **{plain(worst[1])}** are the only pair with a number for {title}."
    known = np.where(np.isfinite(view.values), view.values, np.nan)
    place = np.nanargmax(known) if view.higher_is_better else np.nanargmin(known)
    row, column = np.unravel_index(int(place), view.values.shape)
    return (
        f"By {title}, **{plain(view.tasks[row])}** and **{plain(view.tasks[column])}** get along best and "
        f"**{plain(worst[0])}** and **{plain(worst[1])}** worst. No pair was merged here yet, so this is a promise."
    )
