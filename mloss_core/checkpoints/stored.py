"""The tensors of one file under the names it gives them, before anybody asks what model they make."""

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Any

from torch import Tensor

_WRAPPED = re.compile(r"(?:(?<=\.)|^)(?:_checkpoint_wrapped_module|_fsdp_wrapped_module|_orig_mod)\.")
"""What activation checkpointing, FSDP and torch.compile put into the names of what they wrap."""


@dataclasses.dataclass(frozen=True, slots=True)
class Refused:
    """An entry that cannot be read as a plain tensor: why, and whether it is a tensor of another kind at all."""

    reason: str
    tensor: bool = True


def _checked(key: str) -> None:
    """A container without sizes of its own has nothing to check."""


@dataclasses.dataclass
class StoredTensors:
    """The tensors of one file under their stored names: shapes without reading, and readers of one tensor.

    `read_rows` gives the rows from a first to before a last one, without reading the others. `check` says whether a
    tensor's bytes are there, without reading them. `refused` are entries that are no plain tensors.
    """

    shapes: Mapping[str, tuple[int, ...]]
    dtypes: Mapping[str, str]
    read: Callable[[str], Tensor]
    read_rows: Callable[[str, int, int], Tensor]
    facts: dict[str, Any]
    container: str
    close: Callable[[], None]
    refused: Mapping[str, Refused] = dataclasses.field(default_factory=dict)
    check: Callable[[str], None] = _checked


def unwrapped(stored: StoredTensors) -> StoredTensors:
    """The same tensors without the parts of their names that wrappers around layers added; all, or none if two meet."""
    names = {_WRAPPED.sub("", key): key for key in (*stored.shapes, *stored.refused)}
    if len(names) < len(stored.shapes) + len(stored.refused) or all(new == old for new, old in names.items()):
        return stored
    return dataclasses.replace(
        stored,
        shapes={new: stored.shapes[old] for new, old in names.items() if old in stored.shapes},
        dtypes={new: stored.dtypes[old] for new, old in names.items() if old in stored.shapes},
        refused={new: stored.refused[old] for new, old in names.items() if old in stored.refused},
        read=lambda key: stored.read(names[key]),
        read_rows=lambda key, start, stop: stored.read_rows(names[key], start, stop),
        check=lambda key: stored.check(names[key]),
    )
