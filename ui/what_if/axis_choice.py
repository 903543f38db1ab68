"""Which options of a method can be axes, and the values that a page gives them."""

import dataclasses
from typing import Any

from mloss_core.merging.methods import Method
from mloss_core.recipe import Recipe
from mloss_core.whatif.axes import Axis, spread
from ui.options_form import FormField, form_fields

_USUAL = {"k": (0.1, 1.0), "e": (0.0, 0.4)}
"""Ranges of the papers' letters that hold what people try."""
_FAVOURITES = ("keep_rate", "span", "scale")


def axis_fields(method: Method) -> tuple[FormField, ...]:
    """Options that have an order or a list of values, the favourites of papers first."""
    fields = [
        field for field in form_fields(method.options_type) if field.kind in ("slider", "number", "whole", "choice")
    ]
    ranged = [field for field in fields if field.kind == "choice" or None not in (field.minimum, field.maximum)]
    return tuple(sorted(ranged, key=lambda field: (_place(field.name), field.advanced, field.kind == "choice")))


def axis_of(method: Method, field: FormField, recipe: Recipe, count: int) -> Axis:
    """The field as an axis: its choices, or equally spaced values of the range that matters."""
    if field.kind == "choice":
        return Axis(field.name, field.choices)
    letter = next(f.metadata["letter"] for f in dataclasses.fields(method.options_type) if f.name == field.name)
    low, high = _USUAL.get(letter, (field.minimum, field.maximum))
    if field.name == "scale" or high - low > 4:
        now = recipe.options.get(field.name, field.default) or 1
        low, high = max(low, 0), min(high, max(2.0 * now, 1.0))
    whole = all(isinstance(end, int) for end in (field.minimum, field.maximum, field.default))
    return spread(field.name, float(low), float(high), count, whole=whole)


def without(recipe: Recipe, names: tuple[str, ...]) -> Recipe:
    """The recipe with these options at their defaults: what a surface over them does not depend on."""
    return recipe.replace(options={name: value for name, value in recipe.options.items() if name not in names})


def value_words(value: Any) -> str:
    """A value of an axis as text."""
    return f"{value:g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _place(name: str) -> int:
    return _FAVOURITES.index(name) if name in _FAVOURITES else len(_FAVOURITES)
