"""Axes of surfaces and paths: an option of a recipe's method and the values that it takes. Imports no torch."""

import dataclasses
import math
import re
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from mloss_core.errors import InvalidOptionError, quoted, unknown_name
from mloss_core.merging.methods import check_recipe, get_method
from mloss_core.options import parse_option
from mloss_core.recipe import Recipe

SEED = "seed"
MOST_VALUES, MOST_CELLS = 64, 400
_NEXT = re.compile(r",(?=\s*[A-Za-z_]+\s*=)")
_RANGE = re.compile(r"\s*([^:|]+):([^:|]+):([0-9]{1,3})\s*")


@dataclasses.dataclass(frozen=True)
class Axis:
    """One option and its values.

    Args:
        name: of an option of the method, or `seed`.
        values: in their order.
    """

    name: str
    values: tuple[Any, ...]

    def apply(self, recipe: Recipe, value: Any) -> Recipe:
        """The recipe with this option at a value."""
        if self.name == SEED:
            return recipe.replace(seed=value)
        return recipe.replace(options={**recipe.options, self.name: value})

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {"name": self.name, "values": list(self.values)}

    @classmethod
    def from_dict(cls, values: Any) -> "Axis":
        """The axis of `to_dict`.

        Raises:
            InvalidOptionError: something else.
        """
        if not isinstance(values, Mapping) or set(values) != {"name", "values"} or not isinstance(values["name"], str):
            raise InvalidOptionError(f"an axis holds name and values; found {quoted(values)}.")
        listed = values["values"]
        if not isinstance(listed, Sequence) or isinstance(listed, str):
            raise InvalidOptionError(f"values of an axis must be a list; found {quoted(listed)}.")
        return cls(values["name"], tuple(listed))


def parse_axes(text: str, method: str) -> tuple[Axis, ...]:
    """One axis or several with commas between, each as `parse_axis` reads it."""
    return tuple(parse_axis(part, method) for part in _NEXT.split(text))


def parse_axis(text: str, method: str) -> Axis:
    """An axis as it is typed: `keep_rate=0.2:0.9:5` (from, to, how many) or `scope=tensor|global`.

    Args:
        method: whose options these are.

    Raises:
        UnknownNameError: no such method. InvalidOptionError: text of another form, or no such option.

    Example:
        >>> parse_axis("span=0:0.2:3", "m_ties").values
        (0.0, 0.1, 0.2)
    """
    name, equals, rest = (part.strip() for part in text.partition("="))
    found = _RANGE.fullmatch(rest)
    if not equals or not rest:
        raise InvalidOptionError(
            f"an axis is OPTION=FROM:TO:COUNT, such as keep_rate=0.2:0.9:5, or OPTION=A|B; found {quoted(text)}."
        )
    if found is None:
        return Axis(name, tuple(dict.fromkeys(_value(method, name, word.strip()) for word in rest.split("|"))))
    try:
        low, high, count = float(found[1]), float(found[2]), int(found[3])
    except ValueError as error:
        raise InvalidOptionError(f"FROM and TO of an axis must be numbers; found {quoted(rest)}.") from error
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InvalidOptionError(f"FROM and TO of an axis must be finite numbers; found {quoted(rest)}.")
    return spread(name, low, high, count, whole=_is_whole(method, name))


def spread(name: str, low: float, high: float, count: int, *, whole: bool = False) -> Axis:
    """An axis of equally spaced values, both ends among them.

    Raises:
        InvalidOptionError: no value, or too many.
    """
    if not 1 <= count <= MOST_VALUES:
        raise InvalidOptionError(f"an axis has 1 to {MOST_VALUES} values; found {count} of {name}.")
    values = np.linspace(low, high, count)
    listed = [round(float(value)) if whole else round(float(value), 6) for value in values]
    return Axis(name, tuple(dict.fromkeys(listed)))


def check_axes(recipe: Recipe, axes: Sequence[Axis], most: int = MOST_CELLS) -> None:
    """Refuse axes that the recipe's method cannot take, before any work.

    Raises:
        UnknownNameError: no such option. InvalidOptionError: a value out of range, an axis twice, or too many cells.
    """
    method, _ = check_recipe(recipe)
    known = (*(field.name for field in dataclasses.fields(method.options_type)), SEED)
    cells = 1
    for axis in axes:
        if axis.name not in known:
            raise unknown_name(f"option of {method.name}", axis.name, known)
        if not 1 <= len(axis.values) <= MOST_VALUES:
            raise InvalidOptionError(f"an axis has 1 to {MOST_VALUES} values; found {len(axis.values)} of {axis.name}.")
        cells *= len(axis.values)
        for value in axis.values:
            check_recipe(axis.apply(recipe, value))
    if len({axis.name for axis in axes}) < len(axes):
        raise InvalidOptionError(f"each axis must be another option; found {axes[0].name} twice.")
    if cells > most:
        raise InvalidOptionError(f"a surface has at most {most} cells; found {cells}. Take fewer values.")


def _value(method: str, name: str, text: str) -> Any:
    if name != SEED:
        return parse_option(get_method(method).options_type, name, text)
    if not text.isascii() or not text.isdigit():
        raise InvalidOptionError(f"seed must be a whole number of at least 0; found {quoted(text)}.")
    return int(text)


def _is_whole(method: str, name: str) -> bool:
    hints = typing.get_type_hints(get_method(method).options_type)
    return name == SEED or hints.get(name) is int
