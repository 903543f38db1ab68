"""What a recipe is judged by on surfaces, paths and planes, in one form whatever it is."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

from mloss_core.errors import InvalidOptionError, unknown_name
from mloss_core.evaluation.verdict import SURE
from mloss_core.merging import MergeResult
from mloss_core.recipe import Recipe
from mloss_core.types import StateDict
from mloss_core.whatif.criteria import CRITERIA
from mloss_core.whatif.prefixes import Stop
from mloss_core.whatif.workbench import Answers, Workbench


@dataclasses.dataclass(frozen=True)
class Point:
    """One model judged.

    Args:
        value: mean over tasks; larger is better. `error` is its standard error from the number of images.
        tasks: the value by task. right: what it is the mean of, for each image (image,) by task.
        kept: fraction of the moving weights that survives; None where nothing is pruned by a recipe.
    """

    value: float
    error: float
    tasks: Mapping[str, float]
    right: Mapping[str, np.ndarray]
    kept: float | None = None

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
        criterion: a name of `CRITERIA`.
        split: where the images come from. Whoever reads a best value off the result takes `val`.
        tasks: those that are judged; all by default.
        limit: images of each task at most.
        stop: asked before each batch of images.

    Raises:
        UnknownNameError: no such criterion. ZooError, DatasetError: a task without images or head.
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
        if criterion not in CRITERIA:
            raise unknown_name("criterion", criterion, tuple(CRITERIA))
        self.bench, self.criterion, self.stop = bench, criterion, stop
        self.images = bench.images(split, tasks, limit)

    def of(self, recipe: Recipe) -> Point:
        """The point of a recipe."""
        return self.of_result(self.bench.merged(recipe))

    def of_result(self, result: MergeResult) -> Point:
        """The point of a merge."""
        return self._point(self.bench.answers(result, self.images, self.stop), result.kept_fraction)

    def of_weights(self, weights: StateDict, digest: str, name: str) -> Point:
        """The point of any weights of this architecture, whose digest tells them apart."""
        return self._point(self.bench.answers_of(weights, digest, self.images, name=name, stop=self.stop), None)

    def facts(self) -> dict[str, Any]:
        """What the values are and rest on, as every result carries it."""
        return {
            "criterion": self.criterion,
            "title": CRITERIA[self.criterion],
            "split": self.images.split,
            "tasks": list(self.images.tasks),
            "counts": {task: len(labels) for task, labels in self.images.labels.items()},
            "images": self.images.manifests(),
        }

    def _point(self, answers: Answers, kept: float | None) -> Point:
        right = answers.correct if self.criterion == "validation" else answers.agrees
        tasks = {task: float(np.mean(each)) for task, each in right.items()}
        variances = sum(share * (1 - share) / len(right[task]) for task, share in tasks.items())
        return Point(float(np.mean(list(tasks.values()))), float(np.sqrt(variances)) / len(tasks), tasks, right, kept)


def gap(best: Point, other: Point) -> tuple[float, float]:
    """How far a point lies below the best on the same images, and the paired standard error of that."""
    below, variance = 0.0, 0.0
    for task, right in best.right.items():
        each = right.astype(float) - other.right[task].astype(float)
        below += float(each.mean()) / len(best.right)
        variance += float(each.var()) / len(each)
    return below, float(np.sqrt(variance)) / len(best.right)


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
