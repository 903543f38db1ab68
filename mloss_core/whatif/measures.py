"""What a recipe is judged by on surfaces, paths and planes, in one form whatever it is."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.criteria import get_criterion
from mloss_core.evaluation.verdict import SURE
from mloss_core.merging import MergeResult
from mloss_core.recipe import Recipe
from mloss_core.types import StateDict
from mloss_core.whatif.prefixes import Stop
from mloss_core.whatif.workbench import Workbench


@dataclasses.dataclass(frozen=True)
class Point:
    """One model judged.

    Args:
        value: mean over tasks, in the criterion's unit; larger is better. `error` is its standard error from the number
            of images.
        tasks: the value by task. each: what it is the mean of, for each image (image,) by task.
        kept: fraction of the moving weights that survives; None where nothing is pruned by a recipe.
    """

    value: float
    error: float
    tasks: Mapping[str, float]
    each: Mapping[str, np.ndarray]
    kept: float | None = None

    @classmethod
    def of(cls, each: Mapping[str, np.ndarray], kept: float | None) -> "Point":
        """The point of these values of images."""
        tasks = {task: float(np.mean(values)) for task, values in each.items()}
        variances = sum(_variance(values) for values in each.values())
        return cls(float(np.mean(list(tasks.values()))), float(np.sqrt(variances)) / len(tasks), tasks, each, kept)

    def task_errors(self) -> dict[str, float]:
        """Standard error of the value of each task."""
        return {task: float(np.sqrt(_variance(values))) for task, values in self.each.items()}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "value": self.value,
            "standard_error": self.error,
            "tasks": dict(self.tasks),
            "kept_fraction": self.kept,
        }


class Measure:
    """A criterion on one set of images.

    Args:
        bench: of the zoo.
        criterion: a name of `mloss_core.evaluation.criteria.CRITERIA`.
        split: where the images come from. Whoever reads a best value off the result takes `val`; criteria without
            labels look at `val`, whose labels they do not read, or `train`.
        tasks: those that are judged; all by default.
        limit: images of each task at most.
        stop: asked before each batch of images.

    Raises:
        UnknownNameError: no such criterion. InvalidOptionError: a split that it does not look at.
        ZooError, DatasetError: a task without images or head.
    """

    def __init__(
        self,
        bench: Workbench,
        criterion: str = "validation",
        split: str = "val",
        tasks: tuple[str, ...] | None = None,
        limit: int | None = None,
        stop: Stop = lambda: None,
    ) -> None:
        self.bench, self.criterion, self.stop, self.split = bench, get_criterion(criterion), stop, split
        self.tasks = bench.zoo.check_tasks(tasks)
        self._images = bench.images(split, self.tasks, limit, criterion)

    def of(self, recipe: Recipe) -> Point:
        """The point of a recipe."""
        return self.of_result(self.bench.merged(recipe))

    def of_result(self, result: MergeResult) -> Point:
        """The point of a merge."""
        return Point.of(self.bench.answers(result, self._images, self.stop).values, result.kept_fraction)

    def of_weights(self, weights: StateDict, digest: str, name: str) -> Point:
        """The point of any weights of this architecture, whose digest tells them apart."""
        found = self.bench.answers_of(weights, digest, self._images, name=name, stop=self.stop)
        return Point.of(found.values, None)

    def facts(self) -> dict[str, Any]:
        """What the values are and rest on, as every result carries it."""
        return {
            "criterion": self.criterion.name,
            "title": self.criterion.title,
            "unit": self.criterion.unit,
            "labels": self.criterion.labels,
            "weakness": self.criterion.weakness,
            "split": self.split,
            "tasks": list(self.tasks),
            "counts": self._images.counts,
        }


def _variance(values: np.ndarray) -> float:
    """Of the mean over images."""
    return float(np.var(values)) / len(values)


def gap(best: Point, other: Point) -> tuple[float, float]:
    """How far a point lies below the best on the same images, and the paired standard error of that."""
    below, variance = 0.0, 0.0
    for task, values in best.each.items():
        each = values.astype(float) - other.each[task].astype(float)
        below += float(each.mean()) / len(best.each)
        variance += float(each.var()) / len(each)
    return below, float(np.sqrt(variance)) / len(best.each)


def flat_region(points: "list[Point]") -> tuple[int, list[bool]]:
    """The place of the best point, the first of equals, and which points are not surely worse.

    Not surely worse: below the best by less than twice the paired standard error of that difference. The best of many
    is partly luck, which this does not know.
    """
    if not points:
        raise InvalidOptionError("a best point needs points; found none.")
    best = max(range(len(points)), key=lambda place: (points[place].value, -place))
    gaps = [gap(points[best], point) for point in points]
    return best, [below <= SURE * error for below, error in gaps]
