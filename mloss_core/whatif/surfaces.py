"""Surfaces and paths: a criterion over the values of one option or two, with its best point and its flat region."""

import itertools
import time
from collections.abc import Sequence
from typing import Any

from mloss_core.errors import InvalidOptionError
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, silent
from mloss_core.whatif.axes import Axis, check_axes
from mloss_core.whatif.measures import Measure, Point, flat_region


def surface(measure: Measure, recipe: Recipe, axes: Sequence[Axis], progress: Progress = silent) -> dict[str, Any]:
    """A criterion over a grid of one option or two.

    Args:
        measure: what is measured, on which images.
        recipe: whose options these are; what no axis names stays as it says.
        axes: one (a path) or two.
        progress: told after each cell; may raise to stop.

    Returns:
        axes; points, the last axis running fastest, each with its values, value, standard_error, tasks, kept_fraction
        and `flat` (not surely worse than the best, paired on the same images); `best`, the place of the best point;
        `best_by_task`, that of each task alone; facts of the measure; seconds.

    Raises:
        UnknownNameError: no such option. InvalidOptionError: a value out of range, or too many cells.
    """
    started = time.perf_counter()
    if not 1 <= len(axes) <= 2:
        raise InvalidOptionError(f"a surface has one axis or two; found {len(axes)}.")
    check_axes(recipe, axes)
    cells = list(itertools.product(*(axis.values for axis in axes)))
    found: list[Point] = []
    for place, values in enumerate(cells):
        progress(place / len(cells), _words(axes, values))
        found.append(measure.of(_at(recipe, axes, values)))
    progress(1.0, "measured")
    best, flat = flat_region(found)
    return {
        "recipe": recipe.to_dict(),
        "axes": [axis.to_dict() for axis in axes],
        "points": [
            {"values": list(values), **point.to_dict(), "flat": same}
            for values, point, same in zip(cells, found, flat, strict=True)
        ],
        "best": best,
        "best_by_task": _best_by_task(found),
        **measure.facts(),
        "seconds": time.perf_counter() - started,
    }


def _at(recipe: Recipe, axes: Sequence[Axis], values: Sequence[Any]) -> Recipe:
    for axis, value in zip(axes, values, strict=True):
        recipe = axis.apply(recipe, value)
    return recipe


def _best_by_task(points: Sequence[Point]) -> dict[str, int]:
    """The place of each task's own best point, the first of equals."""
    places = range(len(points))
    return {task: max(places, key=lambda place: (points[place].tasks[task], -place)) for task in points[0].tasks}


def _words(axes: Sequence[Axis], values: Sequence[Any]) -> str:
    return ", ".join(f"{axis.name} {value}" for axis, value in zip(axes, values, strict=True))
