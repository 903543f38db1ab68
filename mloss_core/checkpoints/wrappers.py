"""Where in a pickled file the weights stand: at the top, below a usual name, or deeper; and which of several."""

import dataclasses
import re
from collections.abc import Iterator
from typing import Any

from mloss_core.checkpoints.layouts import has_tower, is_average_name
from mloss_core.checkpoints.pickle_data import Blob, Global, Obj, Pers
from mloss_core.checkpoints.records import (
    Entries,
    as_tensor,
    attributes,
    class_name,
    dict_tensors,
    is_module,
    module_tensors,
    pairs,
)
from mloss_core.errors import CheckpointError

WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model",
    "module",
    "net",
    "network",
    "model_state",
    "weights",
    "params",
    "ema_state_dict",
    "state_dict_ema",
    "model_ema",
    "ema",
)
"""Below which names weights are looked for first, in this order."""
BARE = "tensor"
"""Name of the tensor of a file that holds a single one, without a name."""
_DEPTH, _MOST = 4, 20_000
_LISTED = 8
_NUMPY = re.compile(r"numpy\.(_?core)\.multiarray\._reconstruct|numpy\.ndarray")


@dataclasses.dataclass(frozen=True)
class Group:
    """Tensors that stand together: the names that lead to them, what holds them, and the entries."""

    path: tuple[str, ...]
    holder: Any
    entries: Entries

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Of the tensors, by name."""
        return {key: record.shape for key, record in self.entries.tensors.items()}

    @property
    def name(self) -> str:
        """For messages."""
        return ".".join(self.path) or "the top"

    @property
    def rank(self) -> tuple[bool, int]:
        """Moving averages come last, usual names before others."""
        last = self.path[-1] if self.path else ""
        known = WRAPPERS.index(last) if last in WRAPPERS else len(WRAPPERS)
        return any(is_average_name(part) for part in self.path), known


@dataclasses.dataclass(frozen=True)
class FoundWeights:
    """The weights of a file, and by what names others were passed over."""

    group: Group
    passed_over: tuple[str, ...]


def find_weights(root: Any, file: str) -> FoundWeights:
    """The weights of a pickle's data, wherever they stand: those that hold a vision tower, if any do.

    Args:
        root: the data.
        file: how messages name the file.

    Raises:
        CheckpointError: none, or several that nothing tells apart; the message names what was found.
    """
    bare = as_tensor(root, "the tensor")
    if bare is not None:
        return FoundWeights(Group((), root, Entries({BARE: bare})), ())
    places = list(_groups(root))
    groups = [group for group in places if group.entries.tensors]
    if not groups:
        unread = (why for group in places for why in group.entries.refused.values() if why.tensor)
        broken = next(unread, None)
        if broken is not None:
            raise CheckpointError(f"{file}: {broken.reason}")
        raise CheckpointError(f"{file} {_nothing(root)}")
    towers = [group for group in groups if has_tower(group.shapes)]
    if towers:
        ranked = sorted(towers, key=lambda group: group.rank)
        if len(ranked) > 1 and ranked[0].rank == ranked[1].rank:
            raise CheckpointError(f"{file} {_several(ranked)}")
        return FoundWeights(ranked[0], tuple(group.name for group in ranked[1:]))
    ranked = sorted(groups, key=lambda group: (*group.rank, -len(group.entries.tensors)))
    first, alike = ranked[0], ranked[1:2]
    if alike and first.rank == alike[0].rank and len(first.entries.tensors) == len(alike[0].entries.tensors):
        alike = [group for group in ranked if group.rank == first.rank]
        raise CheckpointError(f"{file} {_several(alike)}")
    return FoundWeights(first, ())


def _groups(root: Any) -> Iterator[Group]:
    """Everything in the file that may hold tensors, the outermost first."""
    pending: list[tuple[tuple[str, ...], Any]] = [((), root)]
    seen: set[int] = set()
    for path, value in pending:
        if id(value) in seen or len(seen) > _MOST:
            continue
        seen.add(id(value))
        if is_module(value):
            yield Group(path, value, module_tensors(value))
            continue
        children = list(enumerate(value)) if isinstance(value, (list, tuple)) else pairs(value)
        if children and not isinstance(value, (list, tuple)):
            yield Group(path, value, dict_tensors(value))
        if len(path) < _DEPTH:
            pending += [((*path, str(key)[:80]), child) for key, child in children if _may_hold(child)]


def _may_hold(value: Any) -> bool:
    if isinstance(value, (dict, list, tuple)):
        return bool(value)
    return isinstance(value, Obj) and (bool(value.items) or bool(pairs(value)) or "_modules" in attributes(value))


def _several(groups: list[Group]) -> str:
    names = [group.name for group in groups]
    rest = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return f"holds several models, below {', '.join(names[:_LISTED])}{rest}; save one of them alone."


def _nothing(root: Any) -> str:
    what = f"an object of class {root.cls}" if isinstance(root, Obj) else f"a {type(root).__name__}"
    found = [str(key) for key, _ in pairs(root)]
    rest = f" and {len(found) - _LISTED} more" if len(found) > _LISTED else ""
    keys = f" Its keys are {', '.join(found[:_LISTED])}{rest}." if found else ""
    if _holds_arrays(root):
        return f"holds {what} of NumPy arrays without tensors: save it again with torch.from_numpy for each.{keys}"
    looked = ", ".join(WRAPPERS)
    return f"holds {what} without tensors: not a model.{keys} Weights are looked for below {looked} and other names."


def _holds_arrays(root: Any) -> bool:
    pending, seen = [root], 0
    while pending and seen < _MOST:
        value, seen = pending.pop(), seen + 1
        if _NUMPY.fullmatch(class_name(value)):
            return True
        if isinstance(value, (list, tuple)):
            pending += [part for part in value if not isinstance(part, (Blob, Global, Pers))]
        else:
            pending += [part for _, part in pairs(value)]
    return False
