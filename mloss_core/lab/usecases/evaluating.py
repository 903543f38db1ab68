"""Merges and what they are measured against: evaluated, compared with the Ensemble, tuned."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from mloss_core.data.manifests import split_manifests
from mloss_core.evaluation import evaluate_rows, evaluate_weights, tune
from mloss_core.lab.requests import Payload
from mloss_core.merging import merge
from mloss_core.outputs import alignment
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, part
from mloss_core.zoo.model import Zoo


def evaluate_recipe(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The row, the realised budget and the alignment of a recipe."""
    recipe = Recipe.from_dict(params["recipe"])
    tasks = zoo.check_tasks(params.get("tasks") or recipe.tasks)
    result = merge(zoo, recipe, progress=part(progress, 0, 0.3))
    few = zoo.limited(params.get("limit"))
    row = evaluate_weights(few, result, split=params["split"], tasks=tasks, progress=part(progress, 0.3, 0.9))
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
    rows = evaluate_rows(few, (), params["split"], tasks, progress=part(progress, 0, 0.9))
    listed: list[dict[str, Any]] = []
    arrays: dict[str, np.ndarray] = {}
    for row in rows:
        values, answers = row.to_entry()
        if row.kind == "zero_shot":
            values["alignment"] = alignment(zoo, zoo.pretrained, tasks, progress=part(progress, 0.9, 1))
        listed.append(values)
        arrays |= answers
    images = split_manifests(few.datasets, tasks, params["split"])
    return Payload({"split": params["split"], "tasks": list(tasks), "rows": listed, "images": images}, arrays)


def tune_recipe(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The curve over scales, or over thresholds, and the best of them."""
    recipe = Recipe.from_dict(params["recipe"])
    return Payload(tune(zoo, recipe, limit=params.get("limit"), progress=progress).to_dict())
