"""Two stages: the scale of a merge is chosen, and test images are looked at once, with that scale.

It is chosen on validation images, or without labels on images of which nothing but the task is known.
The published protocols search a grid of scales the same way (lambda of Task Arithmetic and TIES, alpha of the spectral
methods). Here the search stops and selects on the same number, and test data cannot be reached from it.
"""

import dataclasses
import math
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError, unknown_name
from mloss_core.evaluation.criteria.choice import VALIDATION, Choice
from mloss_core.evaluation.criteria.judging import Judge
from mloss_core.evaluation.tables import evaluate_weights
from mloss_core.evaluation.threshold_tuning import ThresholdSearch, has_thresholds, tune_thresholds
from mloss_core.merging import MergeResult, check_recipe, merge
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, part, silent
from mloss_core.zoo.model import Zoo

if TYPE_CHECKING:
    from mloss_core.mloss import MLossReport

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
    """How a merge does at one scale. What was not measured is NaN.

    Args:
        scale: of the merge.
        average: accuracy on validation images, a fraction; standard_error: of `average`.
        normalised: likewise; NaN also where some task's own model is never right on them.
        value: what is maximised: `normalised`, `average`, or a criterion's value in its unit.
        value_error: its sampling error (that of `average` for both accuracies).
    """

    scale: float
    average: float = math.nan
    normalised: float = math.nan
    standard_error: float = math.nan
    value: float = math.nan
    value_error: float = math.nan


FALLBACK = "a task's own model is never right, so that no accuracy can be measured by it"
"""Why the average accuracy decides in place of the normalised one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScaleSearch:
    """A search and what it found.

    Args:
        recipe: with the chosen scale.
        metric: what was maximised: `normalised`, `average` where that was asked for or nothing else is defined, or the
            name of the criterion by which was chosen.
        choice: by what, and on which images.
        curve: every scale that was tried, in rising order.
        counts: images by task.
        seconds: wall time.
        result: the merge at the chosen scale.
        fallback: why the average decided although the normalised accuracy was asked for; empty where it did not.
    """

    recipe: Recipe
    metric: str
    choice: Choice = VALIDATION
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
    def best(self) -> ScalePoint:
        """The point of the chosen scale."""
        return next(point for point in self.curve if point.scale == self.scale)

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
            **self.choice.to_dict(),
            "fallback": self.fallback,
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
    choose_by: "str | Choice" = "validation",
    report: "MLossReport | None" = None,
    limit: int | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> ScaleSearch:
    """Find the scale at which a merge does best by a criterion. The merge itself is computed once.

    A coarse pass goes up in steps of 0.2 until three in a row are no better, a fine one looks 0.1 to both sides of the
    best. As long as the smallest scale is the best, half of it is tried too. Of equal scales the smaller wins.

    Args:
        zoo: encoders, heads and datasets.
        recipe: its own scale does not matter.
        metric: what `validation` maximises: `normalised` (mean of accuracy over that of the individual model) or
            `average`. Where an individual model is never right, nothing can be measured by it: then `average` decides.
        choose_by: a criterion, with its images where they are not the usual ones. All but `validation` never see a
            label.
        report: M-Loss that was measured already, as for `merge`.
        limit: validation images of each task at most, drawn at random once; all by default.
        progress: told after every scale; may raise to stop.
        cache: where features are kept.

    Raises:
        InvalidOptionError: a method without a scale. UnknownNameError: an unknown metric or criterion.
        ZooError, DatasetError: a task without such images or head.
    """
    started, choice = time.perf_counter(), Choice.of(choose_by)
    if metric not in METRICS:
        raise unknown_name("metric", metric, METRICS)
    highest = check_scale(recipe)
    merged = merge(zoo, recipe, report=report, progress=part(progress, 0.0, 0.2))
    few, rest = zoo.limited(limit), part(progress, 0.2, 1.0)
    measure = _Accuracy(few, merged, metric, cache) if choice.labels else _Judged(zoo, merged, choice, cache)
    search = _Search(measure, highest, rest)
    search.coarse()
    search.fine()
    search.down()
    progress(1.0, "scale chosen")
    best = search.best
    result = merged.rescaled(best.scale)
    return ScaleSearch(
        recipe=result.recipe,
        metric=measure.metric,
        choice=choice,
        curve=tuple(sorted(search.points.values(), key=lambda p: p.scale)),
        counts=measure.counts,
        seconds=time.perf_counter() - started,
        result=result,
        fallback=FALLBACK if choice.labels and measure.metric != metric else "",
    )


def tune(
    zoo: Zoo,
    recipe: Recipe,
    *,
    choose_by: "str | Choice" = "validation",
    report: "MLossReport | None" = None,
    limit: int | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> ScaleSearch | ThresholdSearch:
    """Choose by a criterion what a recipe's method leaves open: a threshold for each task, or the scale.

    Raises:
        InvalidOptionError: a method with neither. See `tune_scale` and `tune_thresholds`.
    """
    search = tune_thresholds if has_thresholds(recipe) else tune_scale
    return search(zoo, recipe, choose_by=choose_by, report=report, limit=limit, progress=progress, cache=cache)


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


class _Accuracy:
    """Measures a scale by accuracy on validation images."""

    def __init__(self, zoo: Zoo, merged: MergeResult, metric: str, cache: Cache | None) -> None:
        self.metric, self.counts = metric, dict[str, int]()
        self._zoo, self._merged, self._cache = zoo, merged, cache

    def __call__(self, scale: float, progress: Progress) -> ScalePoint:
        row = evaluate_weights(
            self._zoo,
            self._merged.rescaled(scale),
            split="val",
            tasks=self._merged.recipe.tasks,
            cache=self._cache,
            progress=progress,
        )
        self.counts = dict(row.counts)
        if row.normalised is None:
            # It is undefined at every scale: an individual model does not change with the merge's.
            self.metric = "average"
        average, error = row.figure("average"), row.figure("standard_error")
        normalised = math.nan if row.normalised is None else row.normalised
        value = average if self.metric == "average" else normalised
        return ScalePoint(scale, average, normalised, error, value, error)


class _Judged:
    """Measures a scale by a criterion that reads no label."""

    def __init__(self, zoo: Zoo, merged: MergeResult, choice: Choice, cache: Cache | None) -> None:
        self.metric, self.counts = choice.criterion, dict[str, int]()
        self._merged, self._judge = merged, Judge.of_choice(zoo, choice, merged.recipe.tasks, cache)

    def __call__(self, scale: float, progress: Progress) -> ScalePoint:
        score = self._judge.scores(self._merged.rescaled(scale), progress)[self.metric]
        self.counts = dict(score.images)
        return ScalePoint(scale, value=score.value, value_error=score.standard_error)


class _Search:
    def __init__(self, measure: Callable[[float, Progress], ScalePoint], highest: float, progress: Progress) -> None:
        self.measure, self.highest, self.progress = measure, highest, progress
        self.points: dict[float, ScalePoint] = {}

    @property
    def best(self) -> ScalePoint:
        """The best point so far; of equal ones the smallest scale."""
        return max(self.points.values(), key=lambda point: (_worth(point), -point.scale))

    def coarse(self) -> None:
        """Up from the first step until nothing improves any more."""
        behind, step = 0, 1
        while behind < PATIENCE and step * COARSE <= self.highest + 1e-9:
            before = self.best if self.points else None
            point = self._try(round(step * COARSE, 6))
            behind = 0 if before is None or _worth(point) > _worth(before) else behind + 1
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

    def _try(self, scale: float) -> ScalePoint:
        # The number of steps is not known in advance: the bar nears its end without reaching it.
        done = 1 - 0.8 ** len(self.points)
        left = 1 - 0.8 ** (len(self.points) + 1)
        self.points[scale] = self.measure(scale, part(self.progress, done, left))
        return self.points[scale]


def _worth(point: ScalePoint) -> float:
    return -math.inf if math.isnan(point.value) else point.value


def _plain(point: ScalePoint) -> dict[str, float | None]:
    """The point with None for what is undefined, which JSON cannot say otherwise."""
    return {name: None if math.isnan(value) else value for name, value in dataclasses.asdict(point).items()}
