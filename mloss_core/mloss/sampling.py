"""How sure an M-Loss is: resampling images, and how many of them are enough. Imports no torch: pages draw the curve."""

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mloss_core.errors import InvalidOptionError

if TYPE_CHECKING:
    from mloss_core.mloss.report import MLossReport

REPLICATES = 200


def resampled_counts(task: NDArray, replicates: int = REPLICATES, seed: int = 0) -> NDArray[np.float32]:
    """How much each image counts when those of every task are resampled with replacement, (replicate, image).

    Each replicate draws one image fewer than a task has and scales up: a plain bootstrap of m images makes the variance
    of a mean too small by the factor (m - 1) / m. Where a task has a single image, which shows no spread, the images of
    all tasks are resampled together; that errs on the large side.

    Args:
        task: of each image, (image,).
        replicates: number of resamplings.
        seed: of the draws.

    Returns:
        Weights whose sum over a task is its number of images.
    """
    draw = np.random.default_rng(seed)
    strata = task if np.unique(task, return_counts=True)[1].min() > 1 else np.zeros_like(task)
    counts = np.ones((replicates, len(task)), np.float32)
    for name in np.unique(strata):
        where = np.flatnonzero(strata == name)
        size = len(where)
        if size > 1:
            drawn = draw.multinomial(size - 1, np.full(size, 1 / size), size=replicates)
            counts[:, where] = drawn * (size / (size - 1))
    return counts


def resampled_errors(
    images: Iterable[NDArray],
    task: NDArray,
    seed: int = 0,
    reduced: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None,
) -> list[NDArray[np.float64]]:
    """Standard errors of means over images, by resampling the images of every task.

    Args:
        images: arrays (image, value), each with a column for every mean.
        task: of each image, (image,).
        seed: of the draws; the options' own gives the replicates that the measurement drew.
        reduced: what is reported of the means of a replicate, (replicate, value); the means themselves by default.

    Returns:
        For each array the standard deviation over the replicates, (value,).
    """
    counts = resampled_counts(task, seed=seed).astype(np.float64)
    shares = counts / counts.sum(1, keepdims=True)
    replicates = (shares @ values for values in images)
    return [(means if reduced is None else reduced(means)).std(0, ddof=1) for means in replicates]


def stability_curve(
    report: "MLossReport", counts: Sequence[int] | None = None, repeats: int = 8, seed: int = 0
) -> pd.DataFrame:
    """Rank correlation of node M-Loss between a few images a task and all of the report's.

    Args:
        report: measured on the full set, with its per-image values.
        counts: images per task to try; powers of two below the full number by default.
        repeats: draws for each count.
        seed: of the draws.

    Returns:
        One row a count: `samples_per_task`, `spearman_mean` over blocks and draws, `spearman_worst`. Empty when the
        report has too few images, or did not keep per-image values. Small draws share images with the full set, so the
        curve flatters them a little.

    Raises:
        InvalidOptionError: a count below 1 or above the report's images of a task, or no repeat.
    """
    from scipy.stats import rankdata  # Slow to import, and few measurements ask for a curve.

    columns = ["samples_per_task", "spearman_mean", "spearman_worst"]
    if not report.per_image:
        return pd.DataFrame(columns=columns)
    tasks = [np.flatnonzero(report.image_task == task) for task in np.unique(report.image_task)]
    full = min(len(images) for images in tasks)
    chosen = [2**power for power in range(20) if 2**power < full] if counts is None else list(counts)
    _check(chosen, full, repeats)
    draw = np.random.default_rng(seed)
    ranks = [rankdata(values.mean(0)) for values in report.per_image.values()]
    rows = []
    for count in chosen:
        picks = [
            np.concatenate([draw.choice(images, count, replace=False) for images in tasks]) for _ in range(repeats)
        ]
        correlations = [
            _correlation(rankdata(values[picked].mean(0)), rank)
            for picked in picks
            for values, rank in zip(report.per_image.values(), ranks, strict=True)
        ]
        rows.append((count, float(np.mean(correlations)), float(np.min(correlations))))
    return pd.DataFrame(rows, columns=columns)


def _check(counts: Sequence[int], full: int, repeats: int) -> None:
    wrong = [count for count in counts if not 1 <= count <= full]
    if wrong:
        raise InvalidOptionError(f"counts must be from 1 to {full}, the report's images of a task; found {wrong[0]}.")
    if repeats < 1:
        raise InvalidOptionError(f"repeats must be at least 1; found {repeats}.")


def _correlation(a: NDArray, b: NDArray) -> float:
    """Of two rankings; 1 where one of them ranks nothing."""
    spread = a.std() * b.std()
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread else 1.0
