"""Weight files of any architecture as state dicts: read lazily, under the names that the pretrained file has."""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from mloss_core.checkpoints.opening import open_tensors
from mloss_core.checkpoints.sharded import weight_file
from mloss_core.errors import CheckpointError

_WRAPPERS = re.compile(r"(?:(?<=\.)|^)(?:module|_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.")
"""What data parallelism, torch.compile, FSDP and activation checkpointing put into names."""


class StoredState(Mapping[str, Tensor]):
    """The tensors of a weight file under their stored names, each read when asked for. Nothing in it is executed.

    Args:
        path: a file, the index of several, or a folder with one of those.

    Attributes:
        renamed: whether other names than the stored ones are used.

    Raises:
        CheckpointError: no such file, damaged, hostile, without tensors, or with one that cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._stored = open_tensors(weight_file(path))
        refused = next((why.reason for why in self._stored.refused.values() if why.tensor), None)
        if refused is not None:
            self._stored.close()
            raise CheckpointError(refused if path.name in refused else f"{path.name}: {refused}")
        self._names: dict[str, str] = {key: key for key in self._stored.shapes}
        self.renamed = False

    def take_names_of(self, other: "StoredState") -> None:
        """Go by the names of another state where they differ in what wrappers added, or in one prefix, alone."""
        ours = list(self._stored.shapes)
        theirs = list(other)
        if set(ours) == set(theirs):
            return
        for plain in (lambda key: _WRAPPERS.sub("", key), _without_prefix(ours), _without_prefix(theirs)):
            known = {plain(key): key for key in theirs}
            own = {plain(key): key for key in ours}
            whole = len(known) == len(theirs) and len(own) == len(ours)
            if whole and set(known) & set(own) and len(set(known) & set(own)) > len(set(ours) & set(theirs)):
                self._names = {known.get(name, name): key for name, key in own.items()}
                self.renamed = True
                return

    def shape(self, key: str) -> tuple[int, ...]:
        """Of a tensor, without reading it."""
        return tuple(self._stored.shapes[self._names[key]])

    def dtype(self, key: str) -> torch.dtype:
        """Of a tensor, without reading it."""
        return getattr(torch, self._stored.dtypes[self._names[key]])

    def __getitem__(self, key: str) -> Tensor:
        return self._stored.read(self._names[key])

    def __contains__(self, key: object) -> bool:
        return key in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def close(self) -> None:
        """Close the file."""
        self._stored.close()


def _without_prefix(keys: list[str]) -> Callable[[str], str]:
    """Takes the first part of names off that have it, if all of `keys` share one."""
    first = {key.split(".")[0] for key in keys}
    prefix = f"{first.pop()}." if len(first) == 1 else "\0"
    return lambda key: key.removeprefix(prefix)


class WidenedState(Mapping[str, Tensor]):
    """The same tensors, floating ones in no less precision than a dtype, so that sums are rounded once, at the end."""

    def __init__(self, state: StoredState, least: torch.dtype) -> None:
        self._state, self._least = state, least

    def __getitem__(self, key: str) -> Tensor:
        tensor = self._state[key]
        return tensor.to(torch.promote_types(tensor.dtype, self._least)) if tensor.is_floating_point() else tensor

    def __contains__(self, key: object) -> bool:
        return key in self._state

    def __iter__(self) -> Iterator[str]:
        return iter(self._state)

    def __len__(self) -> int:
        return len(self._state)
