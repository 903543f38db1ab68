"""Plain values from JSON or YAML text that somebody else wrote: bounded, no objects, every fault one sentence."""

import json
import re
from pathlib import Path
from typing import Any

from mloss_core.errors import InvalidOptionError, quoted

MAX_BYTES = 1_000_000
"""Longer text is no recipe."""
MAX_YAML = 100_000
"""Longer YAML is refused: it is read by a parser that takes seconds for what JSON takes milliseconds."""
MAX_ITEMS = 1000
"""Longer lists, and objects of more names, mean nothing here."""
YAML_SUFFIXES = (".yaml", ".yml")
# YAML 1.1 takes 1e-3 for a word, which nobody means.
_LONGEST = 120
_EXPONENT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+")


def read_text(path: str | Path, what: str) -> str:
    """The text of a file.

    Args:
        path: the file; anything that can be read, a pipe too.
        what: what it should hold, for messages: `recipe`.

    Raises:
        InvalidOptionError: it cannot be read, is no text, or is longer than `MAX_BYTES`.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        _check_size(len(content), f"the {what} {path}", MAX_BYTES)
        return content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InvalidOptionError(f"the {what} {path} cannot be read: {reason}.") from error


def is_yaml(path: str | Path) -> bool:
    """Whether a file's name says YAML; everything else is JSON."""
    return Path(path).suffix.lower() in YAML_SUFFIXES


def parse_object(text: str, what: str, *, yaml: bool = False, most: int = MAX_ITEMS) -> dict[str, Any]:
    """The object that a text holds: names and plain values.

    Args:
        text: JSON, or YAML without references and tags.
        what: what it should be, for messages: `a recipe`.
        yaml: whether it is YAML.
        most: items of its longest list, and names of its largest object.

    Raises:
        InvalidOptionError: other text, a name twice, half a letter, too long, too deep, too many items, or no object.
    """
    _check_size(len(text), what, min(MAX_YAML, MAX_BYTES) if yaml else MAX_BYTES)
    kind = "YAML" if yaml else "JSON"
    try:
        value = _yaml(text, what) if yaml else _json(text, what)
    except RecursionError as error:
        raise InvalidOptionError(f"{what} must be {kind} of a few levels; this is nested too deep.") from error
    if not isinstance(value, dict):
        raise InvalidOptionError(f"{what} must be a {kind} object; found a {type(value).__name__}.")
    _check_lengths(value, what, most)
    check_letters(value, what)
    return value


def check_letters(value: Any, what: str) -> None:
    """Refuse half a character pair, which an escape can spell: it is no letter, and nothing could print or digest it.

    Raises:
        InvalidOptionError: there is one in the values or names.
    """
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError as error:
        raise InvalidOptionError(f"{what} must be text; found half a letter, {error.object[error.start]!r}.") from error


def _check_lengths(value: Any, what: str, most: int) -> None:
    """Refuse lists and objects that no check further on was made for."""
    pending = [value]
    while pending:
        held = pending.pop()
        if isinstance(held, (list, dict)):
            if len(held) > most:
                kind = "lists" if isinstance(held, list) else "objects"
                raise InvalidOptionError(f"{what} must hold {kind} of at most {most:,} items; found {len(held)}.")
            pending += held if isinstance(held, list) else held.values()


def _check_size(size: int, what: str, most: int) -> None:
    if size > most:
        raise InvalidOptionError(f"{what} must be at most {most:,} letters; it is longer.")


def _json(text: str, what: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=lambda pairs: _once(pairs, what))
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise InvalidOptionError(f"{what} must be JSON; {where}: {error.msg}.") from error
    except ValueError as error:
        raise InvalidOptionError(f"{what} must be JSON; {_short(error)}.") from error


def _short(reason: object) -> str:
    return " ".join(str(reason).split()).rstrip(".")[:_LONGEST]


def _once(pairs: list[tuple[Any, Any]], what: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if not isinstance(name, str):
            raise InvalidOptionError(f"names in {what} must be words; found {quoted(name)}.")
        if name in found:
            raise InvalidOptionError(f"{what} must name each field once; found {quoted(name)} twice.")
        found[name] = value
    return found


def _yaml(text: str, what: str) -> Any:
    import yaml

    class Loader(yaml.SafeLoader):
        """Without references, which make a small text huge, and with names that are words, each once."""

        def compose_node(self, parent: Any, index: Any) -> Any:
            if self.check_event(yaml.AliasEvent):
                raise InvalidOptionError(f"{what} must be YAML without references (*name).")
            if getattr(self.peek_event(), "tag", None) is not None:
                raise InvalidOptionError(
                    f"{what} must be YAML without tags (!name); found {quoted(self.peek_event().tag)}."
                )
            return super().compose_node(parent, index)

    def mapping(loader: Loader, node: yaml.MappingNode) -> dict[str, Any]:
        return _once(
            [(loader.construct_object(name, True), loader.construct_object(value, True)) for name, value in node.value],
            what,
        )

    Loader.add_constructor("tag:yaml.org,2002:map", mapping)
    Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))
    try:
        return yaml.load(text, Loader)
    except InvalidOptionError:
        raise
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = _short(getattr(error, "problem", None) or error)
        raise InvalidOptionError(f"{what} must be YAML; {where}{problem}.") from error
    except ValueError as error:
        raise InvalidOptionError(f"{what} must be YAML; {_short(error)}.") from error
