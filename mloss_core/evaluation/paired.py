"""Is one model better than another? They answer the same images, so only the images on which they differ count."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mloss_core.errors import DatasetError
from mloss_core.evaluation.rows import EvaluationRow


@dataclasses.dataclass(frozen=True, kw_only=True)
class PairedDifference:
    """Average accuracy of model A minus that of model B.

    Args:
        difference: a fraction, mean over tasks.
        standard_error: its sampling error from the images on which the two differ. Like that of a row, it knows of
            other test images, not of other training runs.
        only_a: images that A alone gets right, by task; `only_b` likewise.
        counts: images by task.
    """

    difference: float
    standard_error: float
    only_a: Mapping[str, int]
    only_b: Mapping[str, int]
    counts: Mapping[str, int]

    @property
    def discordant(self) -> tuple[int, int]:
        """Images that A alone and that B alone gets right, over all tasks."""
        return sum(self.only_a.values()), sum(self.only_b.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in vars(self).items()}


def compare_rows(a: EvaluationRow, b: EvaluationRow) -> PairedDifference:
    """`paired_difference` of two rows of the same images.

    With d = +1 where A alone is right, -1 where B alone is, else 0: the difference is the mean over tasks of mean(d),
    its standard error sqrt(sum over tasks of (mean(d^2) - mean(d)^2) / n) / number of tasks.

    Example:
        4 images of one task, A right on 1, 2, 3 and B on 3, 4: difference 0.25, only A 2, only B 1,
        standard error sqrt((3/4 - 1/16) / 4) = 0.415.

    Raises:
        DatasetError: rows of different tasks or numbers of images.
    """
    if a.counts != b.counts:
        raise DatasetError(f"paired rows must be of the same images; {a.model} has {a.counts}, {b.model} {b.counts}.")
    signs = {task: right.astype(np.int64) - b.correct[task] for task, right in a.correct.items()}
    means = {task: float(sign.mean()) for task, sign in signs.items()}
    squares = [((sign**2).mean() - means[task] ** 2) / len(sign) for task, sign in signs.items()]
    return PairedDifference(
        difference=sum(means.values()) / len(means),
        standard_error=math.sqrt(sum(squares)) / len(means),
        only_a={task: int((sign > 0).sum()) for task, sign in signs.items()},
        only_b={task: int((sign < 0).sum()) for task, sign in signs.items()},
        counts=dict(a.counts),
    )


@dataclasses.dataclass(frozen=True)
class Difference:
    """Accuracy of one row minus another's, as a fraction.

    Args:
        value: on average over tasks, or on one task.
        standard_error: of `value`; None where it is not known.
        paired: whether the standard error comes from the same images, which makes it smaller and right; otherwise
            it is the sum of two independent ones, an upper figure.
    """

    value: float
    standard_error: float | None
    paired: bool


def difference(row: EvaluationRow, other: EvaluationRow) -> Difference | None:
    """How far `row` is above `other` on average over tasks; None where one of them has no figures.

    Paired where both have the single answers: with d_ti = correct_row - correct_other of image i of task t, the
    difference is the mean over tasks of mean_i d_ti and its variance sum_t var_i(d_ti) / n_t / T^2, as in
    `compare_rows`.
    """
    if row.average is None or other.average is None:
        return None
    value, tasks = row.average - other.average, list(row.accuracy)
    if tasks and all(_same_images(row, other, task) for task in tasks):
        variance = sum(_variance(row, other, task) for task in tasks) / len(tasks) ** 2
        return Difference(value, math.sqrt(variance), paired=True)
    return Difference(value, _independent(row.standard_error, other.standard_error), paired=False)


def task_difference(row: EvaluationRow, other: EvaluationRow, task: str) -> Difference | None:
    """`difference` on one task alone."""
    if task not in row.accuracy or task not in other.accuracy:
        return None
    value = row.accuracy[task] - other.accuracy[task]
    if _same_images(row, other, task):
        return Difference(value, math.sqrt(_variance(row, other, task)), paired=True)
    return Difference(value, _independent(row.task_error(task), other.task_error(task)), paired=False)


def _same_images(row: EvaluationRow, other: EvaluationRow, task: str) -> bool:
    ours, theirs = row.correct.get(task), other.correct.get(task)
    return ours is not None and theirs is not None and len(ours) == len(theirs) > 0


def _variance(row: EvaluationRow, other: EvaluationRow, task: str) -> float:
    """Of the mean of the answers' differences on one task."""
    gap = row.correct[task].astype(float) - other.correct[task].astype(float)
    return float(gap.var()) / len(gap)


def _independent(first: float | None, second: float | None) -> float | None:
    return None if first is None or second is None else math.hypot(first, second)
