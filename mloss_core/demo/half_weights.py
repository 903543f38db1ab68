"""Weights stored in half precision, read from their file when they are used."""

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor

from mloss_core.checkpoints.lazy import file_digest
from mloss_core.checkpoints.reading import SafetensorsFile, read_safetensors

_KNOWN: dict[tuple[str, int, int], str] = {}


class HalfWeights(Mapping[str, Tensor]):
    """The tensors of a safetensors file in float32; the file is opened when the first is asked for.

    Args:
        path: the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._file: SafetensorsFile | None = None

    def _opened(self) -> SafetensorsFile:
        if self._file is None:
            with self._lock:
                self._file = self._file or read_safetensors(self.path)
        return self._file

    def __getitem__(self, key: str) -> Tensor:
        return self._opened()[key].to(torch.float32)

    def shape(self, key: str) -> torch.Size:
        """Of a tensor, without reading it."""
        return self._opened()[key].shape

    def __contains__(self, key: object) -> bool:
        return key in self._opened()

    def __iter__(self) -> Iterator[str]:
        return iter(self._opened())

    def __len__(self) -> int:
        return len(self._opened())


def known_digest(path: Path) -> str:
    """SHA-256 of a file, read once in a process as long as its size and time stay."""
    stat = path.stat()
    key = (str(path.absolute()), stat.st_size, stat.st_mtime_ns)
    if key not in _KNOWN:
        _KNOWN[key] = file_digest(path)
    return _KNOWN[key]
