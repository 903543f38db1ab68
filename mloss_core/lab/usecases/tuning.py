"""The scale of a merge, or its thresholds by task, chosen on validation images."""

from collections.abc import Mapping
from typing import Any

from mloss_core.evaluation import tune
from mloss_core.lab.kinds import Payload
from mloss_core.recipe import Recipe
from mloss_core.types import Progress
from mloss_core.zoo import Zoo


def run(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The curve over scales, or over thresholds, and the best of them."""
    recipe = Recipe.from_dict(params["recipe"])
    return Payload(tune(zoo, recipe, limit=params.get("limit"), progress=progress).to_dict())
