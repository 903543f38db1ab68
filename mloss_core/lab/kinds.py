"""What can be asked for: the kinds of work, by name, and the parameters of each. A closed list; nothing else runs."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mloss_core.errors import InvalidOptionError, unknown_name

if TYPE_CHECKING:
    from mloss_core.types import Progress
    from mloss_core.zoo import Zoo


@dataclasses.dataclass(frozen=True)
class Payload:
    """What a piece of work gives back: plain values and arrays by name."""

    meta: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of work.

    Args:
        name: its name.
        module: the module whose function `run(zoo, params, progress)` does it; imported by the worker alone.
        required: parameters that must be there; optional: those that may be.
        priority: smaller goes first; what a person waits for with the page open is 0.
    """

    name: str
    module: str
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    priority: int = 0

    def load(self) -> "Callable[[Zoo, Mapping[str, Any], Progress], Payload]":
        """The function that does the work."""
        return importlib.import_module(self.module).run


_HERE = "mloss_core.lab.usecases"
KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(name="measure", module=f"{_HERE}.measuring", required=("mloss",), optional=("tasks",)),
        Kind(name="node", module=f"{_HERE}.node", required=("mloss", "block", "node"), optional=("tasks",)),
        Kind(name="samples", module=f"{_HERE}.samples", required=("task", "split", "indices")),
        Kind(name="pairs", module=f"{_HERE}.pairs", required=("mloss",), optional=("tasks", "metrics"), priority=1),
        Kind(name="baselines", module=f"{_HERE}.baselines", required=("split",), optional=("tasks",), priority=2),
        Kind(name="recipe", module=f"{_HERE}.recipe", required=("recipe", "split"), optional=("tasks",), priority=3),
        Kind(name="merged_file", module=f"{_HERE}.merged_file", required=("recipe",), priority=1),
    )
}
_TYPES: dict[str, tuple[type, ...]] = {
    "mloss": (dict,), "recipe": (dict,), "tasks": (list, type(None)), "metrics": (list, type(None)), "block": (int,),
    "node": (int,), "task": (str,), "split": (str,), "indices": (list,), "zoo": (str,),
}  # fmt: skip


def check_request(kind: str, params: Mapping[str, Any]) -> Kind:
    """The kind of a request whose parameters are the known ones and of the right types.

    Raises:
        UnknownNameError: no such kind. InvalidOptionError: a parameter is missing, unknown or of the wrong type.
    """
    if kind not in KINDS:
        raise unknown_name("kind of work", kind, tuple(KINDS))
    record = KINDS[kind]
    known = ("zoo", *record.required, *record.optional)
    unknown = sorted(set(params) - set(known))
    missing = [name for name in ("zoo", *record.required) if name not in params]
    if unknown or missing:
        found = f"unknown {', '.join(unknown)}" if unknown else f"no {', '.join(missing)}"
        raise InvalidOptionError(f"{kind} takes {', '.join(known)}; found {found}.")
    for name, value in params.items():
        if not isinstance(value, _TYPES[name]) or isinstance(value, bool):
            words = " or ".join(t.__name__ for t in _TYPES[name])
            raise InvalidOptionError(f"{name} of {kind} must be {words}; found {value!r}.")
    return record
