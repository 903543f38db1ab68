"""One recipe, live: what is kept at once, an estimate from few images, then all images, then the controls."""

import time
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from mloss_core.evaluation.controls import is_guided, seeded_controls
from mloss_core.evaluation.paired import difference, task_difference
from mloss_core.evaluation.rows import EvaluationRow
from mloss_core.evaluation.verdict import verdict
from mloss_core.merging import describe
from mloss_core.merging.methods import tidy
from mloss_core.recipe import Recipe
from mloss_core.whatif.image_sets import ImageSet
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


def live_states(
    bench: Workbench,
    recipe: Recipe,
    *,
    split: str,
    tasks: tuple[str, ...] | None = None,
    limit: int | None = None,
    seeds: int = SEEDS,
    stop: Stop = lambda: None,
) -> Iterator[State]:
    """Ever better knowledge about one recipe, each state a whole one in plain values.

    Between two tasks comes an empty state: nothing is new, and whoever serves several turns to the next.

    `stage` says what its figures rest on: `kept` (budget alone, no image seen), `few` or `all`. Controls, where the
    recipe follows M-Loss, come last, each beside the recipe on the same images. The last state has `final`. Fractions
    throughout; standard errors know of other images, not of other training runs.

    Args:
        bench: of the zoo.
        recipe: of a method that gives one model.
        split: `val`, or `test` to report and never to choose.
        tasks: those whose images are asked; all by default.
        limit: images of each task that count as all.
        seeds: random rankings among the controls.
        stop: asked before each batch; what it raises ends the work.

    Raises:
        InvalidOptionError: a method with one model a task. ZooError, DatasetError: a task without images or head.
    """
    started = time.perf_counter()
    result = bench.merged(recipe)
    state: State = {
        "name": describe(recipe),
        "digest": tidy(recipe).digest,
        "split": split,
        "stage": "kept",
        "final": False,
        "kept_fraction": result.kept_fraction,
        "realised_keep": dict(result.realised_keep),
        "controls": [],
        "seconds": {"kept": time.perf_counter() - started},
    }
    yield dict(state)
    stages = image_stages(bench.zoo, split, tasks, limit)
    shown: dict[str, EvaluationRow] = {}
    for stage, most in stages:
        yield {}
        images = bench.images(split, tasks, most)
        yield from _turns(bench.steps(result, images, stop))
        shown[stage], answers = bench.row(recipe, images, stop)
        state |= {"stage": stage, **_figures(shown[stage], answers, images)}
        state["seconds"] = {**state["seconds"], stage: time.perf_counter() - started}
        yield dict(state)
    controls = seeded_controls(recipe, seeds) if is_guided(recipe) else {}
    rows: dict[str, EvaluationRow] = {}
    for _, most in stages if controls else ():
        images = bench.images(split, tasks, most)
        for name, control in controls.items():
            yield from _turns(bench.steps(bench.merged(control), images, stop))
            rows[name], _ = bench.row(control, images, stop)
            others = [_control(name, row, shown, stages) for name, row in rows.items()]
            state |= {"controls": others}
            yield dict(state)
    if controls:
        found = verdict(shown[stages[-1][0]], rows)
        state |= {"verdict": found.answer, "differences": found.sentence}
    state["seconds"] = {**state["seconds"], "controls": time.perf_counter() - started}
    yield {**state, "final": True}


def _turns(steps: Iterator[None]) -> Iterator[State]:
    for _ in steps:
        yield {}


def image_stages(
    zoo: Zoo, split: str, tasks: tuple[str, ...] | None, limit: int | None
) -> tuple[tuple[str, int | None], ...]:
    """The stages that are worth their time, each with its number of images a task: `few`, then `all` where that is
    not too long for somebody who waits."""
    chosen = zoo.check_tasks(tasks)
    zoo.require_datasets(chosen, "accuracies need")
    sizes = [zoo.limited(limit).datasets[task].size(split) for task in chosen]
    few = next((most for most in FEW if guessed_seconds(zoo, most * len(chosen)) <= QUICK), FEW[-1])
    if max(sizes) <= few:
        return (("all", limit),)
    return (("few", few), ("all", limit)) if guessed_seconds(zoo, sum(sizes)) <= LONG else (("few", few),)


def guessed_seconds(zoo: Zoo, images: int) -> float:
    """About how long one tower needs for so many images: two operations for each weight and token."""
    speed = _CORE_SPEED * torch.get_num_threads() if zoo.device.type == "cpu" else _GPU_SPEED
    return images * 2 * zoo.pretrained.parameters * zoo.architecture.tokens / speed


def _figures(row: EvaluationRow, answers: Answers, images: ImageSet) -> State:
    return {
        "row": {**row.to_dict(), "counts": dict(row.counts)},
        "errors": {task: row.task_error(task) for task in row.accuracy},
        "individual": dict(images.individual),
        "agreement": answers.agreement,
        "agreement_error": answers.agreement_error,
        "images": images.count,
    }


def _control(name: str, row: EvaluationRow, shown: Mapping[str, EvaluationRow], stages: Any) -> State:
    """A control beside the recipe on the same images: `difference` and `gaps` (by task) are the recipe's accuracy minus
    the control's."""
    stage = next(stage for stage, _ in reversed(stages) if shown[stage].counts == row.counts)
    gap = difference(shown[stage], row)
    gaps = {task: task_difference(shown[stage], row, task) for task in row.accuracy}
    return {
        "name": name,
        "stage": stage,
        "average": row.average,
        "kept_fraction": row.kept,
        "recipe": row.recipe,
        "difference": None if gap is None else gap.value,
        "difference_error": None if gap is None else gap.standard_error,
        "gaps": {task: None if each is None else each.value for task, each in gaps.items()},
    }
