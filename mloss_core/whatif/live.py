"""One recipe, live: what is kept at once, an estimate from few images, then all images, then the controls."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from mloss_core.evaluation.controls import is_guided, seeded_controls
from mloss_core.evaluation.criteria import get_criterion
from mloss_core.evaluation.paired import Difference
from mloss_core.evaluation.verdict import verdict_of
from mloss_core.merging import describe
from mloss_core.merging.methods import tidy
from mloss_core.recipe import Recipe
from mloss_core.whatif.image_sets import ImageSet
from mloss_core.whatif.measures import Point, gap
from mloss_core.whatif.prefixes import Stop
from mloss_core.whatif.workbench import Answers, Workbench
from mloss_core.zoo.model import Zoo

FEW = (64, 16, 4)
"""Images of each task of the first estimate: the first number of these that is quick enough."""
SEEDS = 3
"""Random rankings beside a guided merge."""
QUICK, LONG = 0.6, 20.0
"""Seconds, by a rough guess, that the first estimate and all images may take; what takes longer is left to a job."""
_CORE_SPEED, _GPU_SPEED = 2.5e10, 5e12
"""Operations a second of one core, and of one GPU."""
State = dict[str, Any]
Stages = tuple[tuple[str, int | None], ...]


def live_states(
    bench: Workbench,
    recipe: Recipe,
    *,
    split: str,
    criterion: str = "validation",
    tasks: tuple[str, ...] | None = None,
    limit: int | None = None,
    whole: bool = False,
    seeds: int = SEEDS,
    stop: Stop = lambda: None,
) -> Iterator[State]:
    """Ever better knowledge about one recipe, each state a whole one in plain values.

    Between two tasks comes an empty state: nothing is new, and whoever serves several turns to the next.

    `stage` says what its figures rest on: `kept` (budget alone, no image seen), `few` or `all`. Controls, where the
    recipe follows M-Loss, come last, each beside the recipe on the same images, `compared` of them. The last state has
    `final`. Where all images would take too long, states have `left`: their number and the seconds that they would
    take, by a guess.
    Fractions, or the criterion's unit, throughout; standard errors know of other images, not of other training runs.

    Args:
        bench: of the zoo.
        recipe: of a method that gives one model.
        split: `val`, or `test` to report and never to choose; of criteria without labels `val` or `train`.
        criterion: what the recipe is judged by, a name of `mloss_core.evaluation.criteria.CRITERIA`.
        tasks: those whose images are asked; all by default.
        limit: images of each task that count as all.
        whole: all images at once, however long that takes, and no controls.
        seeds: random rankings among the controls.
        stop: asked before each batch; what it raises ends the work.

    Raises:
        UnknownNameError: no such criterion. InvalidOptionError: a method with one model a task, or a split that the
            criterion does not look at. ZooError, DatasetError: a task without images, labels or head where needed.
    """
    started, judged_by = time.perf_counter(), get_criterion(criterion)
    result = bench.merged(recipe)
    state: State = {
        "name": describe(recipe),
        "digest": tidy(recipe).digest,
        "split": split,
        "criterion": judged_by.name,
        "unit": judged_by.unit,
        "labels": judged_by.labels,
        "stage": "kept",
        "final": False,
        "kept_fraction": result.kept_fraction,
        "realised_keep": dict(result.realised_keep),
        "controls": [],
        "seconds": {"kept": time.perf_counter() - started},
    }
    yield dict(state)
    sizes = image_counts(bench.zoo, split, tasks, limit)
    stages: Stages = (("all", limit),) if whole else image_stages(bench.zoo, sizes, limit)
    state |= _left(bench.zoo, stages, sizes)
    shown: dict[str, Point] = {}
    for stage, most in stages:
        yield {}
        images = _images(bench, state, tasks, most, stop)
        yield from _turns(bench.steps(result, images, stop))
        answers = bench.answers(result, images, stop)
        shown[stage] = Point.of(answers.values, result.kept_fraction)
        state |= {"stage": stage, **_figures(shown[stage], answers, images)}
        state["seconds"] = {**state["seconds"], stage: time.perf_counter() - started}
        yield dict(state)
    controls = seeded_controls(recipe, seeds) if is_guided(recipe) and not whole else {}
    points: dict[str, tuple[Recipe, str, Point]] = {}
    for stage, most in stages if controls else ():
        images = _images(bench, state, tasks, most, stop)
        for name, control in controls.items():
            merged = bench.merged(control)
            yield from _turns(bench.steps(merged, images, stop))
            values = bench.answers(merged, images, stop).values
            points[name] = control, stage, Point.of(values, merged.kept_fraction)
            yield {}
        state |= {"controls": [_control(name, *point, shown) for name, point in points.items()]}
        yield dict(state)
    if controls:
        ours = shown[stages[-1][0]]
        gaps = {name: Difference(*gap(ours, point), paired=True) for name, (_, _, point) in points.items()}
        found = verdict_of(state["name"], gaps, unit=judged_by.unit)
        state |= {"verdict": found.answer, "differences": found.sentence, "compared": images.count}
    state["seconds"] = {**state["seconds"], "controls": time.perf_counter() - started}
    yield {**state, "final": True}


def _turns(steps: Iterator[None]) -> Iterator[State]:
    for _ in steps:
        yield {}


def _images(bench: Workbench, state: State, tasks: tuple[str, ...] | None, most: int | None, stop: Stop) -> ImageSet:
    return bench.images(state["split"], tasks, most, state["criterion"], lambda fraction, message="": stop())


def image_counts(zoo: Zoo, split: str, tasks: tuple[str, ...] | None, limit: int | None) -> dict[str, int]:
    """Images of each task that count as all."""
    chosen = zoo.check_tasks(tasks)
    zoo.require_datasets(chosen, "a merge is judged on")
    sizes = {task: zoo.datasets[task].size(split) for task in chosen}
    return sizes if limit is None else {task: min(limit, size) for task, size in sizes.items()}


def image_stages(zoo: Zoo, sizes: Mapping[str, int], limit: int | None) -> Stages:
    """The stages that are worth their time, each with its number of images a task: `few`, then `all` where that is
    not too long for somebody who waits.

    Args:
        zoo: whose encoders run.
        sizes: images of each task that count as all; limit: what cut them.
    """
    few = next((most for most in FEW if guessed_seconds(zoo, most * len(sizes)) <= QUICK), FEW[-1])
    if max(sizes.values()) <= few:
        return (("all", limit),)
    return (("few", few), ("all", limit)) if guessed_seconds(zoo, sum(sizes.values())) <= LONG else (("few", few),)


def guessed_seconds(zoo: Zoo, images: int) -> float:
    """About how long one tower needs for so many images: two operations for each weight and token."""
    speed = _CORE_SPEED * torch.get_num_threads() if zoo.device.type == "cpu" else _GPU_SPEED
    return images * 2 * zoo.pretrained.parameters * zoo.architecture.tokens / speed


def _left(zoo: Zoo, stages: Stages, sizes: Mapping[str, int]) -> State:
    """What was not measured because it would take too long."""
    if stages[-1][0] == "all":
        return {}
    count = sum(sizes.values())
    return {"left": {"images": count, "seconds": guessed_seconds(zoo, count)}}


def _figures(point: Point, answers: Answers, images: ImageSet) -> State:
    return {
        "row": {
            "average": point.value,
            "standard_error": point.error,
            "tasks": dict(point.tasks),
            "worst": min(point.tasks.values()),
            "counts": images.counts,
        },
        "errors": point.task_errors(),
        "individual": dict(images.individual),
        "agreement": answers.agreement,
        "agreement_error": answers.agreement_error,
        "images": images.count,
    }


def _control(name: str, recipe: Recipe, stage: str, point: Point, shown: Mapping[str, Point]) -> State:
    """A control beside the recipe on the same images: `difference` and `gaps` (by task) are the recipe's value minus
    the control's."""
    ours = shown[stage]
    difference, error = gap(ours, point)
    return {
        "name": name,
        "stage": stage,
        "average": point.value,
        "kept_fraction": point.kept,
        "recipe": tidy(recipe).to_dict(),
        "difference": difference,
        "difference_error": error,
        "gaps": {task: ours.tasks[task] - value for task, value in point.tasks.items()},
    }
