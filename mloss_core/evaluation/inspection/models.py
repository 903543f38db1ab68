"""What stands for a model in an inspection: a baseline by name, a recipe, or a weight file, with its Contender."""

from collections.abc import Mapping, Sequence
from typing import Any

from mloss_core.evaluation.contenders import Contender, as_contender
from mloss_core.merging.remembered import remembered_merge
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, part, silent
from mloss_core.zoo.model import Zoo


def task_contender(zoo: Zoo, task: str, model: Any, progress: Progress = silent) -> Contender:
    """The contender on one task.

    Args:
        zoo: all of it: the Ensemble is that of all its models.
        task: whose images will be answered; of a merge with one model a task it takes that task's.
        model: a `Recipe` or its plain values, merged unless that was done before; or what `as_contender` takes.
        progress: of the merge.
    """
    if isinstance(model, str):
        return as_contender(zoo, model)
    if isinstance(model, Mapping) and "method" in model:
        model = Recipe.from_dict(model)
    if isinstance(model, Recipe):
        model = remembered_merge(zoo, model, progress)
    return as_contender(zoo.subset((task,)), model)


def task_contenders(zoo: Zoo, task: str, models: Sequence[Any], progress: Progress = silent) -> list[Contender]:
    """The contenders of several models on one task, each once, in their order."""
    count = max(1, len(models))
    found = [
        task_contender(zoo, task, model, part(progress, place / count, (place + 1) / count))
        for place, model in enumerate(models)
    ]
    return list({one.key: one for one in found}.values())
