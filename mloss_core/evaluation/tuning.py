"""Two stages: the scale of a merge is chosen on validation images, and test images are looked at once, with that scale.

The published protocols search a grid of scales the same way (lambda of Task Arithmetic and TIES, alpha of the spectral
methods). Here the search stops and selects on the same number, and test data cannot be reached from it.
"""

import dataclasses
import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError, unknown_name
from mloss_core.evaluation.tables import evaluate_weights
from mloss_core.evaluation.threshold_tuning import ThresholdSearch, has_thresholds, tune_thresholds
from mloss_core.merging import MergeResult, check_recipe, merge
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, part, silent
from mloss_core.zoo.model import Zoo

if TYPE_CHECKING:
    from mloss_core.mloss import MLossReport

SPLIT = "val"
COARSE, FINE = 0.2, 0.1
"""Steps of the two passes of the search."""
LEAST = 0.02
"""The search goes down to the first half below this."""
PATIENCE = 3
"""Scales in a row without improvement after which the coarse pass ends."""
METRICS = ("normalised", "average")
_LONGEST = 3.0


@dataclasses.dataclass(frozen=True)
class ScalePoint:
    """Accuracy on validation images at one scale, fractions; `standard_error` is that of `average`.

    `normalised` is NaN where some task's own model is never right on them.
    """

    scale: float
    average: float
    normalised: float
    standard_error: float


FALLBACK = "a task's own model is never right, so that no accuracy can be measured by it"
"""Why the average accuracy decides in place of the normalised one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScaleSearch:
    """A search and what it found.

    Args:
        recipe: with the chosen scale.
        metric: what was maximised: `normalised`, or `average` where that was asked for or nothing else is defined.
        curve: every scale that was tried, in rising order.
        counts: validation images by task.
        seconds: wall time.
        result: the merge at the chosen scale.
        fallback: why the average decided although the normalised accuracy was asked for; empty where it did not.
    """

    recipe: Recipe
    metric: str
    curve: tuple[ScalePoint, ...]
    counts: Mapping[str, int]
    seconds: float
    result: MergeResult = dataclasses.field(repr=False)
    fallback: str = ""

    @property
    def scale(self) -> float:
        """The chosen scale."""
        return float(self.recipe.options["scale"])

    @property
    def at_the_end(self) -> bool:
        """Whether the best scale is the smallest or largest that was tried: a longer search might find a better one."""
        return self.scale in (self.curve[0].scale, self.curve[-1].scale)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "recipe": self.recipe.to_dict(),
            "scale": self.scale,
            "metric": self.metric,
            "fallback": self.fallback,
            "split": SPLIT,
            "curve": [_plain(point) for point in self.curve],
            "counts": dict(self.counts),
            "at_the_end": self.at_the_end,
            "seconds": self.seconds,
        }


def tune_scale(
    zoo: Zoo,
    recipe: Recipe,
    *,
    metric: str = "normalised",
    report: "MLossReport | None" = None,
    limit: int | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> ScaleSearch:
    """Find the scale at which a merge does best on validation images. The merge itself is computed once.

    A coarse pass goes up in steps of 0.2 until three in a row are no better, a fine one looks 0.1 to both sides of the
    best. As long as the smallest scale is the best, half of it is tried too. Of equal scales the smaller wins.

    Args:
        zoo: encoders, heads and datasets.
        recipe: its own scale does not matter.
        metric: what to maximise: `normalised` (mean of accuracy over that of the individual model) or `average`. Where
            an individual model is never right, nothing can be measured by it: then `average` decides.
        report: M-Loss that was measured already, as for `merge`.
        limit: validation images of each task at most, drawn at random once; all by default.
        progress: told after every scale; may raise to stop.
        cache: where features are kept.

    Raises:
        InvalidOptionError: a method without a scale. UnknownNameError: an unknown metric.
        ZooError, DatasetError: a task without validation images or head.
    """
    started = time.perf_counter()
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    highest = check_scale(recipe)
    merged = merge(zoo, recipe, report=report, progress=part(progress, 0.0, 0.2))
    search = _Search(zoo.limited(limit), merged, metric, highest, part(progress, 0.2, 1.0), cache)
    search.coarse()
    search.fine()
    search.down()
    progress(1.0, "scale chosen")
    best = search.best
    result = merged.rescaled(best.scale)
    return ScaleSearch(
        recipe=result.recipe,
        metric=search.metric,
        curve=tuple(sorted(search.points.values(), key=lambda p: p.scale)),
        counts=search.counts,
        seconds=time.perf_counter() - started,
        result=result,
        fallback=FALLBACK if search.metric != metric else "",
    )


def tune(
    zoo: Zoo,
    recipe: Recipe,
    *,
    report: "MLossReport | None" = None,
    limit: int | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> ScaleSearch | ThresholdSearch:
    """Choose on validation images what a recipe's method leaves open: a threshold for each task, or the scale.

    Raises:
        InvalidOptionError: a method with neither. See `tune_scale` and `tune_thresholds`.
    """
    search = tune_thresholds if has_thresholds(recipe) else tune_scale
    return search(zoo, recipe, report=report, limit=limit, progress=progress, cache=cache)


def check_tunable(recipe: Recipe) -> None:
    """Refuse a recipe that `tune` would refuse, before any work.

    Raises:
        InvalidOptionError: its method has nothing to choose.
    """
    if not has_thresholds(recipe):
        check_scale(recipe)


def check_scale(recipe: Recipe) -> float:
    """The largest scale that is tried for a recipe's method.

    Raises:
        InvalidOptionError: a method without a scale, or one that gives one model a task.
    """
    method, _ = check_recipe(recipe)
    if method.output != "single":
        raise InvalidOptionError(f"{method.name} gives one model a task; a scale is chosen for methods that give one.")
    for field in dataclasses.fields(method.options_type):
        if field.name == "scale":
            return min(_LONGEST, field.metadata["maximum"] or _LONGEST)
    raise InvalidOptionError(f"{method.name} has no scale to choose; evaluate it as it is.")


class _Search:
    def __init__(
        self, zoo: Zoo, merged: MergeResult, metric: str, highest: float, progress: Progress, cache: Cache | None
    ) -> None:
        self.zoo, self.merged, self.metric, self.highest = zoo, merged, metric, highest
        self.progress, self.cache = progress, cache
        self.points: dict[float, ScalePoint] = {}
        self.counts: Mapping[str, int] = {}

    @property
    def best(self) -> ScalePoint:
        """The best point so far; of equal ones the smallest scale."""
        return max(self.points.values(), key=lambda point: (self._worth(point), -point.scale))

    def coarse(self) -> None:
        """Up from the first step until nothing improves any more."""
        behind, step = 0, 1
        while behind < PATIENCE and step * COARSE <= self.highest + 1e-9:
            before = self.best if self.points else None
            point = self._try(round(step * COARSE, 6))
            behind = 0 if before is None or self._worth(point) > self._worth(before) else behind + 1
            step += 1

    def fine(self) -> None:
        """To both sides of the best."""
        middle = self.best.scale
        for scale in (round(middle - FINE, 6), round(middle + FINE, 6)):
            if scale <= self.highest and scale not in self.points:
                self._try(scale)

    def down(self) -> None:
        """Halves of the smallest scale while that is the best: sums of many task vectors want small factors."""
        while self.best.scale == min(self.points) and self.best.scale > LEAST:
            self._try(round(self.best.scale / 2, 6))

    def _worth(self, point: ScalePoint) -> float:
        value = getattr(point, self.metric)
        return -math.inf if math.isnan(value) else value

    def _try(self, scale: float) -> ScalePoint:
        # The number of steps is not known in advance: the bar nears its end without reaching it.
        done = 1 - 0.8 ** len(self.points)
        left = 1 - 0.8 ** (len(self.points) + 1)
        row = evaluate_weights(
            self.zoo,
            self.merged.rescaled(scale),
            split=SPLIT,
            tasks=self.merged.recipe.tasks,
            cache=self.cache,
            progress=part(self.progress, done, left),
        )
        self.counts = row.counts
        if row.normalised is None:
            # It is undefined at every scale: an individual model does not change with the merge's.
            self.metric = "average"
        normalised = math.nan if row.normalised is None else row.normalised
        point = ScalePoint(scale, row.figure("average"), normalised, row.figure("standard_error"))
        self.points[scale] = point
        return point


def _plain(point: ScalePoint) -> dict[str, float | None]:
    """The point with None for what is undefined, which JSON cannot say otherwise."""
    return {name: None if math.isnan(value) else value for name, value in dataclasses.asdict(point).items()}
