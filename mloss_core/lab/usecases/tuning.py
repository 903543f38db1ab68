"""The scale of a merge, chosen on validation images."""

from collections.abc import Mapping
from typing import Any

from mloss_core.evaluation import tune_scale
from mloss_core.lab.kinds import Payload
from mloss_core.recipe import Recipe
from mloss_core.types import Progress
from mloss_core.zoo import Zoo


def run(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The curve over scales and the best of them."""
    recipe = Recipe.from_dict(params["recipe"])
    return Payload(tune_scale(zoo, recipe, limit=params.get("limit"), progress=progress).to_dict())
