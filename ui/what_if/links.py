"""The way to the What-if page from others: a recipe to move, or the plane of a pair."""

from mloss_core.merging.methods import METHODS
from mloss_core.recipe import Recipe
from ui import state
from ui.processors import editable
from ui.recipe_choices import preset_of
from ui.what_if import state as here

PAGE = "pages/what_if.py"


def can_move(recipe: Recipe) -> bool:
    """Whether the page can hold a recipe: one merged model, each processor once, and M-Loss measured by a preset."""
    single = METHODS[recipe.method].output == "single"
    return single and editable(recipe) and preset_of(recipe.mloss) is not None


def open_what_if(recipe: Recipe) -> None:
    """Switch to the page with all controls set to a recipe."""
    here.open_recipe(recipe)
    state.go_to(PAGE)


def open_plane(first: str, second: str) -> None:
    """Switch to the page at the plane of two models."""
    state.put(here.VIEW, "plane")
    state.put(f"{here.PAIR}_a", first)
    state.put(f"{here.PAIR}_b", second)
    state.go_to(PAGE)
