"""One merge: made, evaluated, and compared with the Ensemble."""

from collections.abc import Mapping
from typing import Any

from mloss_core.data.manifests import split_manifests
from mloss_core.evaluation import evaluate_weights
from mloss_core.lab.kinds import Payload
from mloss_core.lab.usecases.rows import answers, plain
from mloss_core.merging import merge
from mloss_core.outputs import alignment
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, part
from mloss_core.zoo import Zoo


def run(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The row, the realised budget and the alignment of a recipe."""
    recipe = Recipe.from_dict(params["recipe"])
    tasks = zoo.check_tasks(params.get("tasks") or recipe.tasks)
    result = merge(zoo, recipe, progress=part(progress, 0, 0.3))
    few = zoo.limited(params.get("limit"))
    row = evaluate_weights(few, result, split=params["split"], tasks=tasks, progress=part(progress, 0.3, 0.9))
    meta = {
        "row": plain(row), "split": params["split"], "name": result.name,
        "images": split_manifests(few.datasets, tasks, params["split"]), "recipe": result.recipe.to_dict(),
        "kept_fraction": result.kept_fraction, "realised_keep": dict(result.realised_keep),
        "seconds": result.seconds, "digest": result.digest, "inputs": dict(result.inputs),
        "versions": dict(result.versions),
        "alignment": alignment(zoo, result, tasks, progress=part(progress, 0.9, 1)),
    }  # fmt: skip
    return Payload(meta, answers(row))
