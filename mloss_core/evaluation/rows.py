"""One row of an accuracy table: right and wrong answers by task, and the numbers that follow from them."""

import dataclasses
import functools
import math
import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

KINDS = ("zero_shot", "merged", "per_task", "ensemble", "individual")
NUMBERS = ("average", "standard_error", "normalised", "variance", "worst")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationRow:
    """How often one model is right, by task. All accuracies are fractions.

    Args:
        model: what to call it.
        kind: one of `KINDS`.
        recipe: how it was merged, as plain values; None for what was not.
        correct: for each task, whether each test image was answered rightly, in the split's order.
        individual: accuracy of each task's own fine-tuned encoder on the same images.

    Example:
        Two tasks, 3 of 4 and 1 of 2 right: average 0.625, variance 0.015625, worst 0.5.
    """

    model: str
    kind: str
    recipe: Mapping[str, Any] | None
    correct: Mapping[str, np.ndarray] = dataclasses.field(repr=False)
    individual: Mapping[str, float] = dataclasses.field(repr=False)

    @functools.cached_property
    def accuracy(self) -> Mapping[str, float]:
        """Top-1 by task."""
        return {task: float(np.mean(right)) for task, right in self.correct.items()}

    @functools.cached_property
    def counts(self) -> Mapping[str, int]:
        """Number of images by task."""
        return {task: len(right) for task, right in self.correct.items()}

    @property
    def average(self) -> float:
        """Unweighted mean over tasks."""
        return statistics.fmean(self.accuracy.values())

    @property
    def standard_error(self) -> float:
        """Sampling error of `average`: sqrt(sum of p (1 - p) / n over tasks) / number of tasks.

        It says how far another draw of test images could move the number. It knows nothing of another seed of the
        training, and the error of a difference between two rows on the same images is smaller: `paired_difference`.
        """
        squares = (p * (1 - p) / n for p, n in zip(self.accuracy.values(), self.counts.values(), strict=True))
        return math.sqrt(sum(squares)) / len(self.accuracy)

    @property
    def normalised(self) -> float:
        """Mean over tasks of accuracy / individual accuracy; NaN where an individual encoder is never right."""
        if not all(self.individual[task] > 0 for task in self.accuracy):
            return math.nan
        return statistics.fmean(value / self.individual[task] for task, value in self.accuracy.items())

    @property
    def variance(self) -> float:
        """Population variance over tasks, of fractions (times 10 000 for percent squared)."""
        return statistics.pvariance(self.accuracy.values())

    @property
    def worst(self) -> float:
        """Accuracy on the worst task."""
        return min(self.accuracy.values())

    def numbers(self) -> dict[str, float]:
        """average, standard_error, normalised, variance, worst."""
        return {name: getattr(self, name) for name in NUMBERS}

    def to_dict(self) -> dict[str, Any]:
        """Plain values without the single answers, ready for JSON (an undefined number is None)."""
        numbers = {name: None if math.isnan(value) else value for name, value in self.numbers().items()}
        recipe = None if self.recipe is None else dict(self.recipe)
        return {"model": self.model, "kind": self.kind, "recipe": recipe, "tasks": dict(self.accuracy), **numbers}
