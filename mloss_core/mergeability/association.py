"""How a metric goes with the measured quality of merges, over pairs that share tasks. NumPy alone, for pages."""

import dataclasses
import math
from collections.abc import Sequence

import numpy as np

from mloss_core.mergeability.predictor.scores import pearson, spearman

_NORMAL = 1.959964
_FEWEST = 5
"""Tasks below which leaving each out in turn says nothing about the spread."""


@dataclasses.dataclass(frozen=True)
class Association:
    """Correlation of two numbers over pairs.

    Args:
        pairs: number of pairs that have both.
        pearson, spearman: correlations; NaN where one of the numbers is constant.
        low, high: ends of Pearson's 95 % interval from leaving each task out in turn (pairs share tasks, so they are
            not so many independent points); NaN below five tasks.
    """

    pairs: int
    pearson: float
    spearman: float
    low: float
    high: float


def association(tasks: Sequence[tuple[str, str]], metric: Sequence[float], quality: Sequence[float]) -> Association:
    """The correlation of a metric with measured quality.

    Args:
        tasks: the two tasks of each pair.
        metric, quality: a number each, NaN where there is none.
    """
    x, y = np.asarray(metric, np.float64), np.asarray(quality, np.float64)
    there = np.isfinite(x) & np.isfinite(y)
    x, y = x[there], y[there]
    kept = [pair for pair, counts in zip(tasks, there, strict=True) if counts]
    names = sorted({task for pair in kept for task in pair})
    low, high = _interval(kept, names, x, y)
    return Association(len(x), pearson(x, y), spearman(x, y), low, high)


def _interval(
    pairs: Sequence[tuple[str, str]], names: Sequence[str], x: np.ndarray, y: np.ndarray
) -> tuple[float, float]:
    """From the jackknife over tasks, on Fisher's scale."""
    whole = pearson(x, y)
    if len(names) < _FEWEST or not abs(whole) < 1:
        return math.nan, math.nan
    left = np.array([[name not in pair for pair in pairs] for name in names])
    turns = np.array([pearson(x[rows], y[rows]) for rows in left])
    if not (np.abs(turns) < 1).all():
        return math.nan, math.nan
    scaled, count = np.arctanh(turns), len(names)
    # Every pair is left out with either of its tasks, so what is its own counts double: rather too wide than too
    # narrow.
    error = math.sqrt((count - 1) / count * float(np.sum((scaled - scaled.mean()) ** 2)))
    return tuple(math.tanh(math.atanh(whole) + side * _NORMAL * error) for side in (-1, 1))  # type: ignore[return-value]
