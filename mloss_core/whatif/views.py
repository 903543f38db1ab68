"""Every view of what-if by name: what it takes, and the function behind it."""

from collections.abc import Mapping, Sequence
from typing import Any

from mloss_core.errors import InvalidOptionError, unknown_name
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, silent
from mloss_core.whatif.ablations import ablation
from mloss_core.whatif.axes import Axis
from mloss_core.whatif.measures import Measure
from mloss_core.whatif.planes import STEPS, plane
from mloss_core.whatif.spreads import SEEDS, sample_curve, seed_spread
from mloss_core.whatif.surfaces import surface
from mloss_core.whatif.workbench import Workbench
from mloss_core.zoo.model import Zoo

VIEWS = ("surface", "path", "plane", "ablation", "samples", "seeds")
_MOST_STEPS, _MOST_SEEDS = 21, 64


def measure_view(
    zoo: Zoo,
    view: str,
    recipe: Recipe | None = None,
    *,
    axes: Sequence[Mapping[str, Any]] | None = None,
    pair: Sequence[str] | None = None,
    criterion: str = "validation",
    split: str = "val",
    tasks: Sequence[str] | None = None,
    limit: int | None = None,
    steps: int = STEPS,
    count: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """What one view shows, in plain values.

    Args:
        zoo: encoders, heads and datasets.
        view: a name of `VIEWS`.
        recipe: what is varied; none for a plane.
        axes: of a surface or path, as `Axis.to_dict` has them.
        pair: names of two models, of a plane.
        criterion, split, tasks, limit: what is measured on which images, see `Measure`.
        steps: values of each factor of a plane.
        count: seeds.
        progress: told how far it is; may raise to stop.

    Raises:
        UnknownNameError: no such view, criterion, option or model.
        InvalidOptionError: what the view needs is missing or out of range. See also the functions of the views.
    """
    if view not in VIEWS:
        raise unknown_name("view", view, VIEWS)
    if view != "plane" and recipe is None:
        raise InvalidOptionError(f"{view} varies a recipe; none was given.")
    if not 2 <= steps <= _MOST_STEPS or not 2 <= (2 if count is None else count) <= _MOST_SEEDS:
        raise InvalidOptionError(f"a plane has 2 to {_MOST_STEPS} steps and a spread 2 to {_MOST_SEEDS} seeds.")
    chosen = zoo.check_tasks(tasks or pair)
    latest = [0.0]

    def told(fraction: float, message: str = "") -> None:
        latest[0] = fraction
        progress(fraction, message)

    bench = Workbench(zoo)
    try:
        measure = Measure(bench, criterion, split, chosen, limit, stop=lambda: progress(latest[0]))
        return _view(view, measure, recipe, axes, pair, steps, count, told)
    finally:
        bench.close()


def _view(
    view: str,
    measure: Measure,
    recipe: Recipe | None,
    axes: Sequence[Mapping[str, Any]] | None,
    pair: Sequence[str] | None,
    steps: int,
    count: int | None,
    progress: Progress,
) -> dict[str, Any]:
    if view == "plane" or recipe is None:
        return plane(measure, tuple(pair or ()), steps=steps, progress=progress)
    if view == "ablation":
        return ablation(measure, recipe, progress)
    if view == "samples":
        return sample_curve(measure, recipe, progress)
    if view == "seeds":
        return seed_spread(measure, recipe, SEEDS if count is None else count, progress)
    return surface(measure, recipe, [Axis.from_dict(axis) for axis in axes or ()], progress)
