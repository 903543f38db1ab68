"""How sure an M-Loss is: resampling images, and how many of them are enough. Imports no torch: pages draw the curve."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

if TYPE_CHECKING:
    from mloss_core.mloss.report import MLossReport

REPLICATES = 200


def resampled_counts(task: NDArray, replicates: int = REPLICATES, seed: int = 0) -> NDArray[np.float32]:
    """How often each image is drawn when those of every task are resampled with replacement, (replicate, image)."""
    draw = np.random.default_rng(seed)
    counts = np.zeros((replicates, len(task)), np.float32)
    for name in np.unique(task):
        where = np.flatnonzero(task == name)
        counts[:, where] = draw.multinomial(len(where), np.full(len(where), 1 / len(where)), size=replicates)
    return counts


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
    """
    columns = ["samples_per_task", "spearman_mean", "spearman_worst"]
    if not report.per_image:
        return pd.DataFrame(columns=columns)
    full = min(int((report.image_task == task).sum()) for task in np.unique(report.image_task))
    chosen = counts or [count for count in (1, 2, 4, 8, 16, 32, 64, 128, 256) if count < full]
    draw = np.random.default_rng(seed)
    rows = []
    for count in chosen:
        values = [_agreement(report, count, draw) for _ in range(repeats)]
        rows.append((count, float(np.mean(values)), float(np.min(values))))
    return pd.DataFrame(rows, columns=columns)


def _agreement(report: "MLossReport", count: int, draw: np.random.Generator) -> list[float]:
    tasks = np.unique(report.image_task)
    picked = np.concatenate(
        [draw.choice(np.flatnonzero(report.image_task == task), count, replace=False) for task in tasks]
    )
    return [_spearman(values[picked].mean(0), values.mean(0)) for values in report.per_image.values()]


def _spearman(first: NDArray, second: NDArray) -> float:
    a, b = rankdata(first), rankdata(second)
    spread = a.std() * b.std()
    return float(((a - a.mean()) * (b - b.mean())).mean() / spread) if spread else 1.0
