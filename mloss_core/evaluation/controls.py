"""What a guided merge must beat: the same merge without what M-Loss adds."""

from collections.abc import Mapping, Sequence

from mloss_core.merging.methods import check_recipe, tidy
from mloss_core.recipe import Recipe

CONTROLS: Mapping[str, Mapping[str, object]] = {
    "e = 0": {"span": 0.0},
    "reversed ranks": {"ranking": "reversed"},
    "random ranks": {"ranking": "random"},
    "same budget, no ranks": {"ranking": "uniform"},
}
"""What each control changes in the recipe's options."""


def is_guided(recipe: Recipe) -> bool:
    """Whether the recipe's keep rates really follow M-Loss, so that controls make sense."""
    method, options = check_recipe(recipe)
    if "mloss" not in method.needs:
        return False
    return options.span > 0 and options.ranking not in ("reversed", "random", "uniform", "none")


def control_recipes(recipe: Recipe) -> dict[str, Recipe]:
    """The controls of a guided recipe by name: the same merge without what M-Loss adds."""
    return {name: tidy(recipe.replace(options={**recipe.options, **changes})) for name, changes in CONTROLS.items()}


def missing_controls(recipe: Recipe, present: Sequence[Recipe]) -> list[Recipe]:
    """The controls that the comparison lacks."""
    known = {tidy(other).digest for other in present}
    return [control for control in control_recipes(recipe).values() if control.digest not in known]
