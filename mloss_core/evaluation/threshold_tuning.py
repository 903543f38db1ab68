"""One mask threshold for each task, chosen on that task's images; test data cannot be reached from here."""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.criteria.choice import VALIDATION, Choice
from mloss_core.evaluation.criteria.judging import Judge
from mloss_core.evaluation.tables import evaluate_weights
from mloss_core.merging import MergeResult, check_recipe, merge
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, part, silent
from mloss_core.zoo.model import Zoo

if TYPE_CHECKING:
    from mloss_core.mloss import MLossReport

_Measure = Callable[[MergeResult, Progress], tuple[Mapping[str, float], Mapping[str, int]]]
"""What a merge is worth on each task, and on how many images."""
GRID = (0.2, 0.3, 0.4, 0.5, 0.6)
"""The published thresholds."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ThresholdSearch:
    """A search and what it found.

    Args:
        recipe: with the chosen thresholds.
        thresholds: the chosen one of each task.
        choice: by what, and on which images.
        curve: for each threshold that was tried, in rising order, by task: top-1 accuracy on validation images, or the
            value of the criterion by which was chosen.
        counts: images by task.
        seconds: wall time.
        result: the merge with the chosen thresholds.
    """

    recipe: Recipe
    thresholds: Mapping[str, float]
    choice: Choice = VALIDATION
    curve: Mapping[float, Mapping[str, float]]
    counts: Mapping[str, int]
    seconds: float
    result: MergeResult = dataclasses.field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            "recipe": self.recipe.to_dict(),
            "thresholds": dict(self.thresholds),
            "metric": "top1" if self.choice.labels else self.choice.criterion,
            **self.choice.to_dict(),
            "curve": [{"threshold": threshold, "tasks": dict(row)} for threshold, row in self.curve.items()],
            "counts": dict(self.counts),
            "seconds": self.seconds,
        }


def tune_thresholds(
    zoo: Zoo,
    recipe: Recipe,
    *,
    grid: Sequence[float] = GRID,
    choose_by: "str | Choice" = "validation",
    report: "MLossReport | None" = None,
    limit: int | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> ThresholdSearch:
    """Find for each task the threshold at which its own model does best on its own images.

    Of equal ones the smallest wins. Every task's model hangs on its own threshold alone, so one merge a threshold shows
    all tasks at once.

    Args:
        zoo: encoders, heads and datasets.
        recipe: its own thresholds do not matter.
        grid: thresholds to try.
        choose_by: a criterion, with its images where they are not the usual ones. All but `validation` never see a
            label.
        report: M-Loss that was measured already, as for `merge`.
        limit: validation images of each task at most, drawn at random once; all by default.
        progress: told after every threshold; may raise to stop.
        cache: where features are kept.

    Raises:
        InvalidOptionError: a method without thresholds for one model a task, or an empty grid.
        ZooError, DatasetError: a task without such images or head.
    """
    started = time.perf_counter()
    check_thresholds(recipe)
    if not grid:
        raise InvalidOptionError("thresholds are chosen from a grid; found an empty one.")
    choice = Choice.of(choose_by)
    measure = _accuracy(zoo.limited(limit), recipe, cache) if choice.labels else _judged(zoo, recipe, choice, cache)
    curve: dict[float, Mapping[str, float]] = {}
    counts: Mapping[str, int] = {}
    tried = sorted({float(threshold) for threshold in grid})
    steps = len(tried) + 1
    for place, threshold in enumerate(tried):
        whole = part(progress, place / steps, (place + 1) / steps)
        result = merge(zoo, _with(recipe, threshold=threshold), report=report, progress=part(whole, 0.0, 0.5))
        found, counts = measure(result, part(whole, 0.5, 1.0))
        curve[threshold] = {task: found[task] for task in result.tasks}
    best = {task: max(tried, key=lambda threshold: (curve[threshold][task], -threshold)) for task in result.tasks}
    chosen = _with(recipe, thresholds=tuple(best.values()))
    if recipe.tasks is not None:
        chosen = chosen.replace(tasks=result.tasks)
    result = merge(zoo, chosen, report=report, progress=part(progress, 1 - 1 / steps, 1.0))
    progress(1.0, "thresholds chosen")
    return ThresholdSearch(
        recipe=result.recipe,
        thresholds=best,
        choice=choice,
        curve=curve,
        counts=counts,
        seconds=time.perf_counter() - started,
        result=result,
    )


def has_thresholds(recipe: Recipe) -> bool:
    """Whether the recipe's method gives one model a task, each with a threshold of its own."""
    method, options = check_recipe(recipe)
    return method.output == "per_task" and hasattr(options, "thresholds")


def check_thresholds(recipe: Recipe) -> None:
    """Refuse a method without thresholds for one model a task.

    Raises:
        InvalidOptionError: it is one.
    """
    if not has_thresholds(recipe):
        raise InvalidOptionError(
            f"thresholds are chosen for masks of one model a task, such as tall_mask; {recipe.method} has none."
        )


def _accuracy(zoo: Zoo, recipe: Recipe, cache: Cache | None) -> _Measure:
    def measure(result: MergeResult, progress: Progress) -> tuple[Mapping[str, float], Mapping[str, int]]:
        row = evaluate_weights(zoo, result, split="val", tasks=recipe.tasks, cache=cache, progress=progress)
        return row.accuracy, row.counts

    return measure


def _judged(zoo: Zoo, recipe: Recipe, choice: Choice, cache: Cache | None) -> _Measure:
    judge = Judge.of_choice(zoo, choice, recipe.tasks, cache)

    def measure(result: MergeResult, progress: Progress) -> tuple[Mapping[str, float], Mapping[str, int]]:
        score = judge.scores(result, progress)[choice.criterion]
        return score.tasks, score.images

    return measure


def _with(recipe: Recipe, **changes: Any) -> Recipe:
    kept = {name: value for name, value in recipe.options.items() if name not in ("threshold", "thresholds")}
    return recipe.replace(options={**kept, **changes})
