"""A run in a file: a zoo, its tasks and several recipes, to be merged and evaluated together. A closed schema."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mloss_core.errors import InvalidOptionError, MLossCoreError, quoted
from mloss_core.merging.methods import check_recipe
from mloss_core.merging.presets import get_preset
from mloss_core.parsing import is_yaml, parse_object, read_text
from mloss_core.recipe import Recipe

SPLITS = ("test", "val")
MAX_RECIPES = 100
"""More recipes are no run: each is merged and evaluated."""
_TYPES = {
    "zoo": (str, "a text"),
    "tasks": (list, "a list of names"),
    "split": (str, "test or val"),
    "recipes": (list, "a list of recipes"),
    "tune": (bool, "true or false"),
    "choose_by": (str, "the name of a criterion"),
    "images": (int, "a whole number"),
    "source": (str, "train or val"),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunFile:
    """What a run file says.

    Args:
        zoo: demo or a folder; None where the file does not say.
        tasks: whose accuracy is measured; None for those of the recipes. A recipe without tasks merges these.
        split: test or val.
        recipes: what is merged, one or more.
        tune: whether each recipe's scale is chosen first.
        choose_by: by which criterion; its name is checked where criteria are known. images, source: how many unlabeled
            images of each task criteria look at, and where they come from. None where the file does not say.
    """

    zoo: str | None = None
    tasks: tuple[str, ...] | None = None
    split: str = "test"
    recipes: tuple[Recipe, ...]
    tune: bool = False
    choose_by: str | None = None
    images: int | None = None
    source: str | None = None

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "RunFile":
        """The run of plain values; unknown fields and fields of another kind are refused.

        Raises:
            InvalidOptionError, UnknownNameError: saying which recipe is wrong, and how.
        """
        unknown = sorted(set(values) - set(_TYPES))
        if unknown or not values.get("recipes"):
            found = f"unknown {', '.join(map(quoted, unknown[:5]))}" if unknown else "no 'recipes'"
            raise InvalidOptionError(f"a run holds {', '.join(_TYPES)}; found {found}.")
        given = {name: value for name, value in values.items() if value is not None}
        for name, value in given.items():
            kind, words = _TYPES[name]
            if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
                raise InvalidOptionError(f"{name} of a run must be {words}; found {quoted(value)}.")
        if given.get("split", "test") not in SPLITS:
            raise InvalidOptionError(f"split of a run must be test or val; found {quoted(given['split'])}.")
        if len(given["recipes"]) > MAX_RECIPES:
            raise InvalidOptionError(f"a run holds at most {MAX_RECIPES} recipes; found {len(given['recipes'])}.")
        tasks = given.get("tasks")
        if tasks is not None and (not tasks or not all(isinstance(task, str) for task in tasks)):
            raise InvalidOptionError(f"tasks of a run must be a list of names; found {quoted(tasks)}.")
        recipes = tuple(_recipe(place, item, tasks) for place, item in enumerate(given["recipes"], 1))
        return cls(**{**given, "tasks": None if tasks is None else tuple(tasks), "recipes": recipes})


def read_run(path: str | Path) -> RunFile:
    """The run in a YAML or JSON file.

    Raises:
        InvalidOptionError: the file cannot be read, or holds no run.
    """
    text = read_text(path, "run")
    try:
        return RunFile.from_dict(parse_object(text, "a run", yaml=is_yaml(path)))
    except MLossCoreError as error:
        raise InvalidOptionError(f"{path}: {error}") from error


def parse_recipes(text: str, *, yaml: bool = False) -> tuple[Recipe, ...]:
    """The recipes of a text that holds a run or a single recipe.

    Raises:
        InvalidOptionError, UnknownNameError: it holds neither, or a recipe is wrong.
    """
    values = parse_object(text, "a recipe or a run", yaml=yaml)
    if "recipes" in values:
        return RunFile.from_dict(values).recipes
    recipe = Recipe.from_dict(values)
    check_recipe(recipe)
    return (recipe,)


def read_recipe(path: str | Path) -> Recipe:
    """The recipe in a YAML or JSON file.

    Raises:
        InvalidOptionError: the file cannot be read, or holds no recipe.
    """
    text = read_text(path, "recipe")
    try:
        return Recipe.from_yaml(text) if is_yaml(path) else Recipe.from_json(text)
    except InvalidOptionError as error:
        raise InvalidOptionError(f"{path}: {error}") from error


def _recipe(place: int, item: Any, tasks: list[str] | None) -> Recipe:
    try:
        if not isinstance(item, dict):
            raise InvalidOptionError(f"it must be an object; found {quoted(item)}.")
        if "preset" in item:
            if len(item) > 1:
                raise InvalidOptionError("a preset stands alone; write its recipe out to change it.")
            recipe = get_preset(item["preset"]).recipe
        else:
            recipe = Recipe.from_dict(item)
        recipe = recipe if recipe.tasks is not None or tasks is None else recipe.replace(tasks=tuple(tasks))
        check_recipe(recipe)
    except MLossCoreError as error:
        raise InvalidOptionError(f"recipe {place}: {error}") from error
    return recipe
