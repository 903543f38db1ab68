"""The methods and their options as help text, grown from the registry."""

import dataclasses
import textwrap
from typing import Any

from mloss_core.merging.methods import METHODS, Method
from mloss_core.merging.processors import POST, PRE, Processor

_WIDTH = 100


def method_listing() -> str:
    """Every method with its options, their defaults and ranges, for the end of a help text."""
    blocks = [_method(method) for method in METHODS.values()]
    blocks += ["before a method (--pre):", *map(_method, PRE.values())]
    blocks += ["after a method (--post):", *map(_method, POST.values())]
    return "methods and their options, with defaults (fractions, never percent):\n" + "\n".join(blocks)


def _method(method: Method | Processor) -> str:
    return "\n".join([f"  {method.name}: {method.summary}", *option_lines(method)])


def option_lines(method: Method | Processor) -> list[str]:
    """The options of a method, a line or more for each."""
    lines: list[str] = []
    for field in dataclasses.fields(method.options_type):
        head = f"    {field.name}={_typed(field.default)}"
        words = " ".join(part for part in (_range(field), field.metadata.get("help", "")) if part)
        lines += textwrap.wrap(words, _WIDTH, initial_indent=f"{head:<28} ", subsequent_indent=" " * 29) or [head]
    return lines


def _range(field: dataclasses.Field) -> str:
    meta = field.metadata
    if meta.get("choices"):
        return f"[{'|'.join(meta['choices'])}]"
    low, high = meta.get("minimum"), meta.get("maximum")
    if low is None and high is None:
        return ""
    return f"[{'' if low is None else f'{low:g}'}..{'' if high is None else f'{high:g}'}]"


def _typed(value: Any) -> str:
    return str(value).lower() if value is None or isinstance(value, bool) else f"{value}"
