"""Option fields that describe themselves, so that forms, the command line and checks grow from one dataclass."""

import dataclasses
import math
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar, get_args, get_origin

from mloss_core.errors import InvalidOptionError, quoted

Options = TypeVar("Options")


def option(
    default: Any,
    *,
    label: str,
    help: str,
    letter: str | None = None,
    minimum: float | None = None,
    maximum: float | None = None,
    step: float | None = None,
    choices: tuple[str, ...] | None = None,
    advanced: bool = False,
) -> Any:
    """A dataclass field with what a form and a check need to know.

    Args:
        default: the value when nothing is said.
        label: the words a form shows; `letter` is the papers' symbol for it, shown beside the label.
        help: one sentence: what it does, its unit, what larger values mean.
        minimum: inclusive lower end, for numbers; `maximum` likewise; `step` is what a slider moves by.
        choices: the closed list of values, for strings.
        advanced: shown behind "more" in a form.
    """
    meta = {
        "label": label,
        "help": help,
        "letter": letter,
        "minimum": minimum,
        "maximum": maximum,
        "step": step,
        "choices": choices,
        "advanced": advanced,
    }
    return dataclasses.field(default=default, metadata=meta)


def check_options(options: Any) -> None:
    """Check every described field of an options dataclass; call it from `__post_init__`.

    Raises:
        InvalidOptionError: naming the field, what must hold and what was found.
    """
    hints = typing.get_type_hints(type(options))
    for field in dataclasses.fields(options):
        _check_field(field, hints[field.name], getattr(options, field.name))


def build_options(options_type: type[Options], values: Mapping[str, Any]) -> Options:
    """An options dataclass from plain values, refusing unknown names and values out of range.

    Raises:
        InvalidOptionError: an unknown field, listing the known ones, or a bad value.
    """
    known = [field.name for field in dataclasses.fields(options_type)]  # type: ignore[arg-type]
    unknown = sorted(set(values) - set(known))
    if unknown:
        listing = ", ".join(known) or "none"
        raise InvalidOptionError(
            f"unknown option {', '.join(map(quoted, unknown[:5]))}: the options here are {listing}."
        )
    options = options_type(**values)
    check_options(options)
    return options


def parse_option(options_type: type, name: str, text: str) -> Any:
    """The value of `text` (as typed on a command line) for the field `name`.

    Raises:
        InvalidOptionError: an unknown field or text that is no such value.
    """
    hints = typing.get_type_hints(options_type)
    if name not in hints:
        build_options(options_type, {name: text})
    kinds = _kinds(hints[name])
    if type(None) in kinds and text.lower() in {"none", "null", ""}:
        return None
    try:
        if tuple in kinds:
            return tuple(float(part) for part in text.split(","))
        if bool in kinds:
            return {"true": True, "false": False, "1": True, "0": False, "yes": True, "no": False}[text.lower()]
        if int in kinds and float not in kinds:
            return int(text)
        if float in kinds:
            return float(text)
    except (ValueError, KeyError) as error:
        raise InvalidOptionError(f"{name} must be {_kind_words(kinds)}, found {quoted(text)}.") from error
    return text


def _kinds(hint: Any) -> tuple[type, ...]:
    if get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(kind for part in get_args(hint) for kind in _kinds(part))
    origin = get_origin(hint)
    if origin is typing.Literal:
        return (str,)
    return (origin or hint,)


def _kind_words(kinds: tuple[type, ...]) -> str:
    words = {
        tuple: "numbers with commas between",
        float: "a number",
        int: "a whole number",
        bool: "true or false",
        str: "a word",
        type(None): "none",
    }
    return " or ".join(words.get(kind, kind.__name__) for kind in kinds)


def _check_field(field: dataclasses.Field, hint: Any, value: Any) -> None:
    meta, kinds = field.metadata, _kinds(hint)
    if "label" not in meta or (value is None and type(None) in kinds):
        return
    choices = meta["choices"]
    if choices is not None:
        if value not in choices:
            raise InvalidOptionError(f"{field.name} must be one of {', '.join(choices)}; found {quoted(value)}.")
        return
    if tuple in kinds:
        if not isinstance(value, tuple) or not value:
            raise InvalidOptionError(f"{field.name} must be a list of numbers; found {quoted(value)}.")
        for number in value:
            _check_number(field.name, number, whole=False, low=meta["minimum"], high=meta["maximum"])
        return
    if bool in kinds:
        if not isinstance(value, bool):
            raise InvalidOptionError(f"{field.name} must be true or false; found {quoted(value)}.")
        return
    if float in kinds or int in kinds:
        _check_number(field.name, value, whole=float not in kinds, low=meta["minimum"], high=meta["maximum"])


def _check_number(name: str, value: Any, *, whole: bool, low: float | None, high: float | None) -> None:
    try:
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    except OverflowError:
        number = False
    if not number or (whole and not isinstance(value, int)):
        kind = "a whole number" if whole else "a finite number"
        raise InvalidOptionError(f"{name} must be {kind}; found {quoted(value)}.")
    if (low is not None and value < low) or (high is not None and value > high):
        span = (
            f"from {low:g} to {high:g}"
            if low is not None and high is not None
            else (f"at least {low:g}" if low is not None else f"at most {high:g}")
        )
        raise InvalidOptionError(
            f"{name} must be {span}; found {quoted(value) if isinstance(value, int) else format(value, 'g')}."
        )
