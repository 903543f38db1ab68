"""Method cards: the idea, the formula, what data and time a method takes, and what is wrong with reference code."""

import dataclasses
import functools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from mloss_core.errors import InvalidOptionError
from mloss_core.parsing import parse_object, read_text

FILE = Path(__file__).with_name("cards.yaml")


@dataclasses.dataclass(frozen=True, kw_only=True)
class MethodCard:
    """What a reader wants to know of a method beside its options.

    Args:
        idea: two sentences.
        formula: LaTeX.
        data: what it needs beside the weights.
        cost: how its time grows, in a sentence.
        faults: known faults of reference implementations, a sentence each.
    """

    idea: str
    formula: str
    data: str
    cost: str
    faults: tuple[str, ...] = ()


def method_card(name: str) -> MethodCard | None:
    """The card of a method or processor; None where there is none, as for a plugin's."""
    return read_cards().get(name)


@functools.cache
def read_cards(path: Path = FILE) -> Mapping[str, MethodCard]:
    """The cards of a file by method.

    Raises:
        InvalidOptionError: a card with other fields.
    """
    known = {field.name for field in dataclasses.fields(MethodCard)}
    cards = {}
    for name, fields in parse_object(read_text(path, "file of cards"), path.name, yaml=True).items():
        if not isinstance(fields, dict) or set(fields) != known:
            raise InvalidOptionError(f"{path.name}: the card of {name} must hold {', '.join(sorted(known))}.")
        cards[name] = MethodCard(**{**fields, "faults": tuple(fields["faults"])})
    return MappingProxyType(cards)
