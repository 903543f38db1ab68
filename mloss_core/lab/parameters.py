"""How each parameter of a request is read: from what is given to its one spelling, or one sentence on what is wrong."""

import math
from collections.abc import Callable, Mapping
from typing import Any

from mloss_core.errors import InvalidOptionError, unknown_name
from mloss_core.evaluation.rows import BASELINE_NAMES
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.zoo.embedded import EMBEDDED
from mloss_core.zoo.locating import zoo_folder

Reader = Callable[[str, Any], Any]
"""Reads a parameter: (its name, the given value) -> the value in its one spelling; refuses any other."""


def words(name: str, value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise InvalidOptionError(f"{name} must be a word; found {value!r}.")
    return value


def zoo(name: str, value: Any) -> str:
    """The name by which every process opens the same zoo: a folder's absolute path, whatever process was asked."""
    found = words(name, value)
    return found if found in EMBEDDED else str(zoo_folder(found).absolute())


def whole(name: str, value: Any) -> int:
    """A whole number."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise InvalidOptionError(f"{name} must be a whole number; found {value!r}.")
    return value


def number(name: str, value: Any) -> float:
    """A finite number."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise InvalidOptionError(f"{name} must be a number; found {value!r}.")
    return float(value)


def names(name: str, value: Any) -> list[str]:
    """A choice of names: their order and repetitions mean nothing, the zoo keeps its own order."""
    return sorted(set(texts(name, value)))


def texts(name: str, value: Any) -> list[str]:
    """A list of texts, in their order."""
    if not isinstance(value, (list, tuple)) or not all(isinstance(one, str) for one in value):
        raise InvalidOptionError(f"{name} must be a list of names; found {value!r}.")
    return list(value)


def pairs(name: str, value: Any) -> list[list[str]]:
    """Pairs of names, each in the order given."""
    found = [texts(name, pair) for pair in value] if isinstance(value, (list, tuple)) else []
    if not found or any(len(pair) != 2 or pair[0] == pair[1] for pair in found):
        raise InvalidOptionError(f"{name} must be a list of pairs of two names; found {value!r}.")
    return found


def indices(name: str, value: Any) -> list[int]:
    """A list of whole numbers."""
    if not isinstance(value, (list, tuple)):
        raise InvalidOptionError(f"{name} must be a list of whole numbers; found {value!r}.")
    return [whole(name, one) for one in value]


def criterion(name: str, value: Any) -> str:
    """The name of a criterion."""
    from mloss_core.evaluation.criteria.records import get_criterion

    return get_criterion(words(name, value)).name


def mloss(name: str, value: Any) -> dict[str, Any]:
    """How M-Loss is measured."""
    return MLossOptions.from_dict(fields(name, value)).to_dict()


def recipe(name: str, value: Any) -> dict[str, Any]:
    """A recipe, every field spelt out and checked."""
    from mloss_core.merging.methods import check_recipe

    recipe = Recipe.from_dict(fields(name, value))
    check_recipe(recipe)
    return recipe.to_dict()


def model(name: str, value: Any) -> str | dict[str, Any]:
    """A baseline by its name, or a recipe."""
    if isinstance(value, Mapping):
        return recipe(name, value)
    if value not in BASELINE_NAMES:
        raise unknown_name("baseline", value, tuple(BASELINE_NAMES))
    return str(value)


def models(name: str, value: Any) -> list[str | dict[str, Any]]:
    """Baselines and recipes, at least one."""
    if not isinstance(value, (list, tuple)) or not value:
        raise InvalidOptionError(f"{name} must be a list of baselines and recipes; found {value!r}.")
    return [model(name, one) for one in value]


def axes(name: str, value: Any) -> list[dict[str, Any]]:
    """What a surface or path runs over."""
    from mloss_core.whatif.axes import Axis

    if not isinstance(value, (list, tuple)):
        raise InvalidOptionError(f"{name} must be a list; found {value!r}.")
    return [Axis.from_dict(one).to_dict() for one in value]


def pair(name: str, value: Any) -> list[str]:
    """Two names; which is first matters."""
    if len(names(name, value)) != 2 or len(value) != 2:
        raise InvalidOptionError(f"{name} must be two different names; found {value!r}.")
    return list(value)


def fields(name: str, value: Any) -> Mapping[str, Any]:
    """Options by name."""
    if not isinstance(value, Mapping) or not all(isinstance(one, str) for one in value):
        raise InvalidOptionError(f"{name} must be options by name; found {value!r}.")
    return value
