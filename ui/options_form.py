"""Forms grown from an options dataclass: a widget for each described field, with its label, letter and range."""

import dataclasses
import types
import typing
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import streamlit as st

from ui.state import put

if TYPE_CHECKING:
    from streamlit.delta_generator import DeltaGenerator

SLIDER_STEPS = 400
"""A range with more steps than this is typed, not dragged."""
SHORT_CHOICES = 26
"""Choices whose labels together have at most this many letters are shown side by side."""
_NAMES = ("ties", "dare")


@dataclasses.dataclass(frozen=True)
class FormField:
    """What a form needs to know about one option.

    Args:
        kind: `slider`, `number`, `whole` (typed whole number), `choice`, `flag`, `numbers` (with commas between) or
            `text`.
        label: words with the papers' letter, such as "Keep rate k".
        minimum, maximum, step: numbers, or None where there is no such bound.
        optional: None is a legal value and means "decided by the method".
    """

    name: str
    label: str
    help: str
    kind: str
    default: Any
    minimum: Any
    maximum: Any
    step: Any
    choices: tuple[str, ...]
    advanced: bool
    optional: bool


def form_fields(options_type: type) -> tuple[FormField, ...]:
    """The described fields of an options dataclass, in its order; fields without a label have no widget."""
    hints = typing.get_type_hints(options_type)
    described = (field for field in dataclasses.fields(options_type) if "label" in field.metadata)
    return tuple(_form_field(field, _kinds(hints[field.name])) for field in described)


def choice_label(value: str) -> str:
    """A choice as words: `one_sided` is shown as "One sided", `ties` as "TIES"."""
    return value.upper() if value in _NAMES else value.replace("_", " ").capitalize()


def decimals(step: float) -> int:
    """Decimals that tell neighbouring values of a slider apart: 0.025 needs 3, at least 1."""
    text = f"{step:.6f}".rstrip("0")
    return max(1, len(text.partition(".")[2]))


def widget_key(key: str, name: str) -> str:
    """The state key, and the name in the URL, of one option's widget in the form `key`."""
    return f"{key}_{name}"


def options_form(
    options_type: type, key: str, *, columns: int = 1, more: "DeltaGenerator | None" = None
) -> dict[str, Any]:
    """Draw the form and return the value of every option that has a widget.

    Args:
        options_type: a dataclass of `mloss_core.options.option` fields.
        key: prefix of the widgets' state keys; they are mirrored in the URL under the same names.
        columns: widgets side by side; advanced ones are one below the other.
        more: where the advanced ones go; a fold of their own by default.
    """
    fields = form_fields(options_type)
    values = _draw_rows([field for field in fields if not field.advanced], key, columns)
    advanced = [field for field in fields if field.advanced]
    if advanced:
        with more or st.expander("More options", icon=":material/tune:"):
            values |= {field.name: _draw(field, key) for field in advanced}
    return {field.name: values[field.name] for field in fields}


def fill_form(options_type: type, key: str, values: Mapping[str, Any]) -> None:
    """Set the form's widgets to `values`, and to the defaults elsewhere. Call it from a callback only."""
    for field in form_fields(options_type):
        value = values.get(field.name, field.default)
        if field.kind == "numbers":
            value = ",".join(f"{number:g}" for number in value or ())
        put(widget_key(key, field.name), value)


def changed_values(options_type: type, values: Mapping[str, Any]) -> dict[str, Any]:
    """The values that differ from their defaults: what is worth writing down."""
    defaults = {field.name: field.default for field in form_fields(options_type)}
    return {name: value for name, value in values.items() if name not in defaults or value != defaults[name]}


def _draw_rows(fields: list[FormField], key: str, columns: int) -> dict[str, Any]:
    values = {}
    for row in _rows(fields, columns):
        for field, place in zip(row, st.columns(columns) if len(row) > 1 else [st.container()], strict=False):
            with place:
                values[field.name] = _draw(field, key)
    return values


def _rows(fields: list[FormField], columns: int) -> list[list[FormField]]:
    """Fields side by side; choices that stand side by side themselves come after, each on a line of its own."""
    wide = [field for field in fields if _stands_in_a_row(field)]
    narrow = [field for field in fields if not _stands_in_a_row(field)]
    pairs = [narrow[start : start + columns] for start in range(0, len(narrow), columns)]
    return [*pairs, *([field] for field in wide)]


def _stands_in_a_row(field: FormField) -> bool:
    return field.kind == "choice" and sum(len(choice) for choice in field.choices) <= SHORT_CHOICES


def _form_field(field: dataclasses.Field, kinds: tuple[Any, ...]) -> FormField:
    meta = field.metadata
    return FormField(
        name=field.name,
        label=f"{meta['label']} {meta['letter']}" if meta["letter"] else meta["label"],
        help=meta["help"],
        kind=_widget_kind(meta, kinds),
        default=field.default,
        minimum=meta["minimum"],
        maximum=meta["maximum"],
        step=meta["step"],
        choices=tuple(meta["choices"] or ()),
        advanced=meta["advanced"],
        optional=type(None) in kinds,
    )


def _widget_kind(meta: Mapping[str, Any], kinds: tuple[Any, ...]) -> str:
    if meta["choices"]:
        return "choice"
    if tuple in kinds:
        return "numbers"
    if bool in kinds:
        return "flag"
    if float in kinds or int in kinds:
        bounds = (meta["minimum"], meta["maximum"], meta["step"])
        draggable = None not in bounds and type(None) not in kinds
        if draggable and (meta["maximum"] - meta["minimum"]) / meta["step"] <= SLIDER_STEPS:
            return "slider"
        return "number" if float in kinds else "whole"
    return "text"


def _kinds(hint: Any) -> tuple[Any, ...]:
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return tuple(kind for part in typing.get_args(hint) for kind in _kinds(part))
    return (typing.get_origin(hint) or hint,)


def _draw(field: FormField, key: str) -> Any:
    shared: dict[str, Any] = {"key": widget_key(key, field.name), "help": field.help, "bind": "query-params"}
    drawers: dict[str, Callable[[FormField, dict[str, Any]], Any]] = {
        "slider": _slider,
        "number": _number,
        "whole": _number,
        "choice": _choice,
        "numbers": _numbers,
    }
    if field.kind in drawers:
        return drawers[field.kind](field, shared)
    if field.kind == "flag":
        return bool(st.toggle(field.label, value=field.default, **shared))
    return st.text_input(field.label, value=field.default or "", **shared) or field.default


def _slider(field: FormField, shared: dict[str, Any]) -> float | int:
    kind: type = int if all(isinstance(end, int) for end in (field.default, field.minimum, field.step)) else float
    value = st.slider(
        field.label,
        kind(field.minimum),
        kind(field.maximum),
        kind(field.default),
        kind(field.step),
        format="%d" if kind is int else f"%.{decimals(field.step)}f",
        **shared,
    )
    return value if kind is int else round(value, 6)


def _number(field: FormField, shared: dict[str, Any]) -> float | int | None:
    kind: type = int if field.kind == "whole" else float
    low, high, step = (None if end is None else kind(end) for end in (field.minimum, field.maximum, field.step))
    default = None if field.default is None else kind(field.default)
    value = st.number_input(
        field.label,
        low,
        high,
        default,
        step,
        format="%d" if kind is int else "%g",
        placeholder="decided by the method" if field.optional else None,
        **shared,
    )
    if value is None and not field.optional:
        return field.default
    return value if value is None or kind is int else round(value, 9)


def _numbers(field: FormField, shared: dict[str, Any]) -> "tuple[float, ...] | str | None":
    """The typed numbers; text that is none is given as it is, so that the check of the options says what is wrong."""
    text = st.text_input(field.label, value="", placeholder="decided by the method", **shared)
    if not text:
        return field.default
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        return text


def _choice(field: FormField, shared: dict[str, Any]) -> str:
    options = list(field.choices)
    if _stands_in_a_row(field):
        value = st.segmented_control(
            field.label, options, default=field.default, required=True, format_func=choice_label, **shared
        )
    else:
        value = st.selectbox(
            field.label, options, index=options.index(field.default), format_func=choice_label, **shared
        )
    return value if value in field.choices else field.default
