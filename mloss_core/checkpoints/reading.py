"""Weight files as lazy mappings: a tensor is read when it is asked for."""

import functools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Self

from safetensors import SafetensorError, safe_open
from torch import Tensor

from mloss_core.checkpoints.sniffing import sniff
from mloss_core.errors import CheckpointError
from mloss_core.state_dicts import state_digest


class SafetensorsFile(Mapping[str, Tensor]):
    """The tensors of a safetensors file, each read when asked for, in the file's order.

    Treat the tensors as read-only: they share the file's memory map. Use it as a context manager, or `close()` it.
    """

    format = "safetensors"

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._file: Any = safe_open(path, framework="pt")
            self._views: dict[str, Tensor | None] = dict.fromkeys(self._file.offset_keys())
        except (SafetensorError, OSError) as error:
            raise CheckpointError(
                f"{path} is damaged or cut short: {error}. Download or write the file again."
            ) from error

    @property
    def metadata(self) -> dict[str, str]:
        """The text facts stored beside the tensors."""
        return dict(self._open().metadata() or {})

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over the names and contents of all tensors: the same whatever file they are in. Reads them all."""
        return state_digest(self)

    def close(self) -> None:
        """Let go of the file; no tensor can be read afterwards."""
        self._file = None
        self._views = dict.fromkeys(self._views)

    def _open(self) -> Any:
        if self._file is None:
            raise CheckpointError(f"{self.path} was closed: open it again to read from it.")
        return self._file

    def __getitem__(self, key: str) -> Tensor:
        view = self._views[key]
        if view is None:
            # A view of the memory map takes no memory, but to make one takes as long as to merge a small tensor.
            view = self._views[key] = self._open().get_tensor(key)
        return view

    def __iter__(self) -> Iterator[str]:
        return iter(self._views)

    def __len__(self) -> int:
        return len(self._views)

    def __contains__(self, key: object) -> bool:
        return key in self._views

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def read_safetensors(path: str | Path) -> SafetensorsFile:
    """Open a safetensors file lazily.

    Raises:
        CheckpointError: there is no such file, it is damaged, or it is something else (the message says what).
    """
    path = Path(path)
    kind = sniff(path)
    if kind != "safetensors":
        raise CheckpointError(f"{path} must be a safetensors file; found a file of kind {kind}.")
    return SafetensorsFile(path)
