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
