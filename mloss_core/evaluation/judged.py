"""Rows of an accuracy table with what criteria without labels say; and tables of zoos whose images have no labels."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mloss_core.caching import Cache
from mloss_core.data.datasets import is_labelled
from mloss_core.data.subset import EVALUATED
from mloss_core.evaluation.contenders import as_contender
from mloss_core.evaluation.criteria.choice import IMAGES
from mloss_core.evaluation.criteria.judging import Judge
from mloss_core.evaluation.criteria.records import LABEL_FREE
from mloss_core.evaluation.ranking import ordered
from mloss_core.evaluation.rows import EvaluationRow
from mloss_core.evaluation.tables import contenders_of
from mloss_core.types import Progress, part, silent
from mloss_core.zoo.model import Zoo

if TYPE_CHECKING:
    import pandas

BESIDE = ("expert_agreement",)
"""What stands beside accuracies: it takes one run of each expert on a few images of its own task."""
UNLABELLED = "no labels"
"""Status of rows that have no accuracies because the images have no labels."""


def tasks_without_labels(zoo: Zoo, tasks: Sequence[str] | None = None) -> tuple[str, ...]:
    """The chosen tasks whose images are there, but without labels: nothing can be right or wrong on them."""
    return tuple(
        task
        for task in zoo.check_tasks(tasks)
        if task in zoo.datasets and not any(is_labelled(zoo.datasets[task], split) for split in EVALUATED)
    )


def usual_source(zoo: Zoo, tasks: Sequence[str] | None = None) -> str | None:
    """Where images without labels are taken from unless somebody says: training images, else validation images.

    None where some task has neither.
    """
    chosen = zoo.check_tasks(tasks)
    return next((split for split in ("train", "val") if all(zoo.datasets[task].size(split) for task in chosen)), None)


def judged_rows(
    zoo: Zoo,
    rows: Sequence[EvaluationRow],
    models: Sequence[Any],
    names: Sequence[str] = BESIDE,
    *,
    tasks: Sequence[str] | None = None,
    images: int | None = IMAGES,
    source: str | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> list[EvaluationRow]:
    """The rows with their `criteria`.

    Args:
        zoo: the whole one: a limited zoo has other draws.
        rows: one for each of `models`.
        models: anything `as_contender` takes.
        names: keys of `CRITERIA`.
        tasks: whose images and experts; all by default.
        images, progress, cache: as in `criterion_scores`.
        source: `train` or `val`; the usual one by default. Without such images the rows stay as they are.

    Raises:
        ZooError, DatasetError, InvalidOptionError: see `criterion_scores`.
    """
    source = source or usual_source(zoo, tasks)
    if source is None:
        return list(rows)
    judge = Judge(zoo, names, images=images, source=source, tasks=tasks, cache=cache)
    judged = []
    for place, (row, model) in enumerate(zip(rows, models, strict=True)):
        scores = judge.scores(model, part(progress, place / len(rows), (place + 1) / len(rows)))
        judged.append(dataclasses.replace(row, criteria={**row.criteria, **scores}))
    return judged


def unlabelled_rows(
    zoo: Zoo,
    results: Sequence[Any] = (),
    tasks: Sequence[str] | None = None,
    *,
    baselines: bool = True,
    images: int | None = IMAGES,
    source: str | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> list[EvaluationRow]:
    """The rows of `evaluate` for images without labels: no accuracies, all criteria that need none, merges ranked.

    Args:
        zoo, tasks: as in `evaluate`.
        results: anything `as_contender` takes, a row each; they rank by agreement with the own experts.
        baselines: whether Zero-shot, the Ensembles and Individual are among the rows.
        images, source, progress, cache: as in `judged_rows`.
    """
    chosen = zoo.subset(tasks)
    contenders = contenders_of(chosen, results) if baselines else [as_contender(chosen, result) for result in results]
    rows = [
        EvaluationRow(key=one.key, model=one.model, kind=one.kind, recipe=one.recipe, status=UNLABELLED)
        for one in contenders
    ]
    judged = judged_rows(
        chosen, rows, contenders, LABEL_FREE, images=images, source=source, progress=progress, cache=cache
    )
    return ordered(judged)


def rank_unlabelled(
    zoo: Zoo,
    results: Sequence[Any] = (),
    tasks: Sequence[str] | None = None,
    *,
    images: int | None = IMAGES,
    source: str | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> "pandas.DataFrame":
    """What `evaluate` is for images with labels: a table of merges, ranked by agreement with the own experts.

    Args:
        zoo, results, tasks, images, source, progress, cache: as in `unlabelled_rows`. Labels are not read if there are
            some.

    Returns:
        One row a model: Zero-shot first, the merges from the best down, the Ensembles, Individual. Columns: model,
        kind, recipe, and for each criterion that reads no label its value and `<name>_standard_error`.
    """
    import pandas

    rows = unlabelled_rows(zoo, results, tasks, images=images, source=source, progress=progress, cache=cache)
    records: list[dict[str, Any]] = []
    for row in rows:
        record: dict[str, Any] = {"model": row.model, "kind": row.kind, "recipe": row.recipe}
        for name, score in row.criteria.items():
            record |= {name: score.value, f"{name}_standard_error": score.standard_error}
        records.append(record)
    return pandas.DataFrame(records)
