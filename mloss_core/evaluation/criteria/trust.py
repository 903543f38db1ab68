"""How well a criterion stands in for accuracy over some recipes: rank correlation, and what trusting it costs."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mloss_core.errors import InvalidOptionError

RESAMPLES = 1000
LEAST = 3
"""Recipes below which nothing can be said."""


@dataclasses.dataclass(frozen=True)
class Trust:
    """What a criterion is worth as a guide.

    Args:
        spearman: rank correlation of criterion and accuracy over recipes; NaN where one of them ranks nothing.
        low, high: its 95 % interval, by resampling recipes (they are not independent: those of one method resemble each
            other, so it is on the narrow side).
        lost: accuracy of the best recipe minus that of the one the criterion puts first, a fraction; of several first
            ones the mean. 0 or more.
        recipes: how many.
    """

    spearman: float
    low: float
    high: float
    lost: float
    recipes: int


def trust(criterion: ArrayLike, accuracy: ArrayLike, *, resamples: int = RESAMPLES, seed: int = 0) -> Trust:
    """How well a criterion ranks recipes by accuracy.

    Args:
        criterion: its value for each recipe, larger is better, (recipe,).
        accuracy: of each recipe, (recipe,).
        resamples: of the bootstrap. seed: of its draws.

    Raises:
        InvalidOptionError: fewer than 3 recipes, or lists of two lengths.
    """
    values, truth = np.asarray(criterion, np.float64), np.asarray(accuracy, np.float64)
    if len(values) != len(truth) or len(values) < LEAST:
        raise InvalidOptionError(
            f"a criterion is held against the accuracies of at least {LEAST} recipes; found {len(values)} values and "
            f"{len(truth)} accuracies."
        )
    picks = np.random.default_rng(seed).integers(0, len(values), (resamples, len(values)))
    found = _spearman(values[picks], truth[picks])
    low, high = np.nanquantile(found, (0.025, 0.975)) if not np.isnan(found).all() else (np.nan, np.nan)
    whole = _spearman(values[None], truth[None])[0]
    return Trust(float(whole), float(low), float(high), lost(values, truth), len(values))


def lost(criterion: NDArray[np.float64], accuracy: NDArray[np.float64]) -> float:
    """What the criterion's first choice falls short of the best recipe, as `Trust.lost`."""
    first = criterion >= criterion.max() - 1e-12
    return float(accuracy.max() - accuracy[first].mean())


def lost_within(
    criterion: NDArray[np.float64], accuracy: NDArray[np.float64], groups: Sequence[str]
) -> Mapping[str, float]:
    """`lost` within each group of recipes, such as the scales of one method; groups of one recipe are left out."""
    names = np.asarray(groups)
    return {
        name: lost(criterion[names == name], accuracy[names == name])
        for name in dict.fromkeys(groups)
        if (names == name).sum() > 1
    }


def _spearman(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rank correlation of each row of (draw, recipe), (draw,); NaN where one of them ranks nothing."""
    from scipy.stats import rankdata

    x, y = (ranks - ranks.mean(1, keepdims=True) for ranks in (rankdata(a, axis=1), rankdata(b, axis=1)))
    spread = np.sqrt((x * x).sum(1) * (y * y).sum(1))
    return np.divide((x * y).sum(1), spread, out=np.full(len(x), np.nan), where=spread > 0)
