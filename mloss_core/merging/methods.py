"""The registry of merging methods: frozen records from which forms, command line and tests grow. Imports no torch."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

from mloss_core.errors import InvalidOptionError, UnknownNameError, unknown_name
from mloss_core.merging.families import family_records
from mloss_core.merging.plugins import MethodTable
from mloss_core.merging.processors import AFTER, BEFORE, read_processor
from mloss_core.merging.record import Method, register
from mloss_core.options import build_options
from mloss_core.recipe import Recipe

_REMEMBERED = 1024
"""Recipes whose check is remembered."""
_DRAWN = {"ranking": "random", "rule": "bernoulli", "coefficients": "shuffled"}
"""Values of options that draw with the seed, by the option's name."""

METHODS = MethodTable(register(family_records()))
"""All methods by name: the built-in ones, and from the first use on those of plugins (`mloss_core.merging.plugins`)."""


def get_method(name: str) -> Method:
    """The record of a method.

    Raises:
        UnknownNameError: no such method; the message lists them.
    """
    if name not in METHODS:
        error = unknown_name("method", name, tuple(METHODS))
        raise UnknownNameError(" ".join([str(error), *METHODS.problems])) if METHODS.problems else error
    return METHODS[name]


def check_plugins() -> None:
    """Refuse to go on with a plugin that cannot be used.

    Raises:
        InvalidOptionError: saying what is wrong with the first of them.
    """
    if METHODS.problems:
        raise InvalidOptionError(METHODS.problems[0])


def plugin_digest(method: str) -> str | None:
    """Digest of the plugin that a method comes from: what its results depend on beside the recipe. None for others."""
    origin = METHODS[method].origin if method in METHODS else None
    return None if origin is None else origin.digest


def check_recipe(recipe: Recipe) -> tuple[Method, Any]:
    """The method of a recipe and its options, checked as far as that is possible without a zoo.

    A recipe is checked once: asking again costs a look at the registry, where its method may be a plugin that changed.

    Raises:
        UnknownNameError: unknown method or processor.
        InvalidOptionError: a bad option, or blocks for a method without M-Loss keep rates.
    """
    method = get_method(recipe.method)
    try:
        hash(recipe)
    except (TypeError, ValueError):
        # Values that no JSON holds, which the check refuses by name.
        return _checked.__wrapped__(recipe, method)
    return _checked(recipe, method)


def spelt_out(recipe: Recipe) -> Recipe:
    """The recipe with every option of its method written out, so that it means the same should a default change.

    Raises:
        UnknownNameError, InvalidOptionError: as in `check_recipe`.
    """
    _, options = check_recipe(recipe)
    return recipe.replace(options=dataclasses.asdict(options))


@functools.lru_cache(maxsize=_REMEMBERED)
def _checked(recipe: Recipe, method: Method) -> tuple[Method, Any]:
    options: Any = build_options(method.options_type, recipe.options)
    before = [read_processor(BEFORE, text)[0] for text in recipe.pre]
    after = [read_processor(AFTER, text)[0] for text in recipe.post]
    if after and method.output != "single":
        raise InvalidOptionError(
            f"{after[0].name} changes one merged update, and {method.name} gives one model a task; leave it out, or "
            "choose a method that gives one model."
        )
    if recipe.blocks is not None and not method.uses_blocks and not any("mloss" in each.needs for each in before):
        with_blocks = ", ".join(name for name, other in METHODS.items() if other.uses_blocks)
        raise InvalidOptionError(
            f"blocks say where M-Loss keep rates apply, and {method.name} has none; "
            f"leave them out, put the pre-processor mloss before it, or use {with_blocks}."
        )
    return method, options


def guides(recipe: Recipe) -> tuple[Any, ...]:
    """Options of all that follows M-Loss keep rates in a recipe: of its method and of its pre-processors."""
    method, options = check_recipe(recipe)
    found = [(options, method)] + [read_processor(BEFORE, text)[::-1] for text in recipe.pre]
    return tuple(options for options, needing in found if "mloss" in needing.needs)


def tidy(recipe: Recipe) -> Recipe:
    """The same merge with options at their defaults left out, so that equal merges are equal recipes."""
    return _tidied(recipe, get_method(recipe.method))


@functools.lru_cache(maxsize=_REMEMBERED)
def _tidied(recipe: Recipe, method: Method) -> Recipe:
    _, options = _checked(recipe, method)
    defaults = {field.name: field.default for field in dataclasses.fields(method.options_type)}
    kept = {name: getattr(options, name) for name in defaults if getattr(options, name) != defaults[name]}
    return recipe.replace(options=kept)


def uses_seed(method: Method, values: Mapping[str, Any], pre: Sequence[str] = ()) -> bool:
    """Whether the seed changes the result."""
    before = [read_processor(BEFORE, text) for text in pre]
    drawn = any(
        processor.random or any(getattr(options, name, None) == value for name, value in _DRAWN.items())
        for processor, options in before
    )
    return drawn or method.random or any(values.get(name) == value for name, value in _DRAWN.items())


def methods_by_family() -> dict[str, list[Method]]:
    """The methods under their headings, in the registry's order."""
    families: dict[str, list[Method]] = {}
    for method in METHODS.values():
        families.setdefault(method.family, []).append(method)
    return families
