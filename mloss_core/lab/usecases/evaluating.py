"""Merges and what they are measured against: evaluated, judged without labels, tuned."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mloss_core.data.manifests import split_manifests
from mloss_core.evaluation import EvaluationRow, evaluate_rows, evaluate_weights, tune
from mloss_core.evaluation.criteria.choice import IMAGES, Choice
from mloss_core.evaluation.judged import judged_rows, tasks_without_labels, unlabelled_rows
from mloss_core.evaluation.rows import BASELINE_NAMES
from mloss_core.lab.payloads import Payload
from mloss_core.merging import merge
from mloss_core.merging.remembered import remember
from mloss_core.outputs import alignment
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, part
from mloss_core.zoo.model import Zoo


def evaluate_recipe(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The row, the realised budget and the alignment of a recipe; without accuracies where images have no labels."""
    recipe = Recipe.from_dict(params["recipe"])
    tasks = zoo.check_tasks(params.get("tasks") or recipe.tasks)
    result = merge(zoo, recipe, progress=part(progress, 0, 0.3))
    remember(zoo, recipe, result)
    few, rest = zoo.limited(params.get("limit")), part(progress, 0.3, 0.9)
    if tasks_without_labels(zoo, tasks):
        (row,) = unlabelled_rows(zoo, [result], tasks, baselines=False, progress=rest)
    else:
        measured = evaluate_weights(few, result, split=params["split"], tasks=tasks, progress=part(rest, 0, 0.9))
        (row,) = judged_rows(zoo, [measured], [result], tasks=tasks, progress=part(rest, 0.9, 1))
    values, answers = row.to_entry()
    meta = {
        "row": values,
        "split": params["split"],
        "name": result.name,
        "images": split_manifests(few.datasets, tasks, params["split"]),
        "recipe": result.recipe.to_dict(),
        "kept_fraction": result.kept_fraction,
        "realised_keep": dict(result.realised_keep),
        "seconds": result.seconds,
        "digest": result.digest,
        "inputs": dict(result.inputs),
        "versions": dict(result.versions),
        "alignment": alignment(zoo, result, tasks, progress=part(progress, 0.9, 1)),
    }
    return Payload(meta, answers)


def evaluate_baselines(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The rows, with the alignment of Zero-shot to the Ensemble."""
    tasks = zoo.check_tasks(params.get("tasks"))
    few = zoo.limited(params.get("limit"))
    listed: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for row in _baselines(zoo, few, tasks, params["split"], part(progress, 0, 0.9)):
        values, answers = row.to_entry()
        if row.kind == "zero_shot":
            values["alignment"] = alignment(zoo, zoo.pretrained, tasks, progress=part(progress, 0.9, 1))
        listed.append(values)
        arrays |= answers
    images = split_manifests(few.datasets, tasks, params["split"])
    return Payload({"split": params["split"], "tasks": list(tasks), "rows": listed, "images": images}, arrays)


def _baselines(zoo: Zoo, few: Zoo, tasks: Sequence[str], split: str, progress: Progress) -> list[EvaluationRow]:
    if tasks_without_labels(zoo, tasks):
        found = {row.key: row for row in unlabelled_rows(zoo, (), tasks, progress=progress)}
        return [found[key] for key in BASELINE_NAMES]
    rows = evaluate_rows(few, (), split, tasks, progress=part(progress, 0, 0.9))
    return judged_rows(zoo, rows, [row.key for row in rows], tasks=tasks, progress=part(progress, 0.9, 1))


def tune_recipe(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The curve over scales, or over thresholds, and the best of them."""
    recipe = Recipe.from_dict(params["recipe"])
    choice = Choice(params.get("choose_by", "validation"), params.get("images", IMAGES), params.get("source", "train"))
    return Payload(tune(zoo, recipe, choose_by=choice, limit=params.get("limit"), progress=progress).to_dict())
