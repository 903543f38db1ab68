"""Writing safetensors files one tensor at a time; a file appears complete or not at all."""

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

import torch
from torch import Tensor

from mloss_core.errors import CheckpointError
from mloss_core.leftovers import abandoned, hold, long_temporary
from mloss_core.state_dicts import combine_digests, tensor_digest
from mloss_core.types import StateDict

_DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}


class SafetensorsWriter:
    """A context manager that writes tensors one by one to a temporary file and renames it when all are there.

    On an error, or when a tensor is missing at the end, the temporary file goes and an older file at `path` stays. What
    a killed writer of the same file left goes at the next writing.

    Args:
        path: the file to make.
        layout: dtype and shape of every tensor, by name. `order` is the order in which they must be written: the
            layout's, wide dtypes first so that every tensor lies aligned. `digests` has each tensor's once written.
        metadata: text facts stored beside the tensors.

    Raises:
        CheckpointError: a dtype that safetensors lacks, a tensor that differs from the layout, or a file that cannot
            be written (full disk, no such folder, read-only).
    """

    def __init__(
        self,
        path: str | Path,
        layout: Mapping[str, tuple[torch.dtype, tuple[int, ...]]],
        metadata: Mapping[str, str] | None = None,
    ) -> None:
        self.path = Path(path)
        self._layout = dict(layout)
        for key, (dtype, _) in self._layout.items():
            if dtype not in _DTYPES:
                known = ", ".join(_DTYPES.values())
                raise CheckpointError(f"a safetensors file holds {known}; {key} is {dtype}. Convert it first.")
        self.order = tuple(sorted(self._layout, key=lambda key: -self._layout[key][0].itemsize))
        self._header = _header(self._layout, self.order, dict(metadata or {}))
        self.digests: dict[str, str] = {}
        self._temporary = long_temporary(self.path)
        self._file: BinaryIO | None = None

    @property
    def digest(self) -> str:
        """SHA-256 over the names and contents of the tensors written so far."""
        return combine_digests(self.digests)

    def write(self, key: str, tensor: Tensor) -> None:
        """Append one tensor; `key` must be the next one of `order`."""
        expected = self.order[len(self.digests)] if len(self.digests) < len(self.order) else "no more tensors"
        if key != expected:
            raise CheckpointError(f"{self.path} takes its tensors in order: expected {expected}, got {key}.")
        found = (tensor.dtype, tuple(tensor.shape))
        if found != self._layout[key]:
            raise CheckpointError(f"{key} must be {_words(self._layout[key])} in {self.path}; got {_words(found)}.")
        data = tensor.detach().cpu().contiguous()
        with self._writing():
            self._handle().write(data.reshape(-1).view(torch.uint8).numpy().data)
        self.digests[key] = tensor_digest(data)

    def __enter__(self) -> Self:
        if self.path.is_dir():
            raise CheckpointError(f"cannot write {self.path}: it is a folder; name a file.")
        for left in abandoned(self.path.parent, self.path.name):
            with contextlib.suppress(OSError):
                left.unlink()
        with self._writing():
            self._file = self._temporary.open("xb")
            hold(self._file)
            self._file.write(self._header)
        return self

    def __exit__(self, kind: type[BaseException] | None, *exception: object) -> None:
        if kind is not None:
            self._discard()
            return
        missing = self.order[len(self.digests) :]
        if missing:
            self._discard()
            raise CheckpointError(
                f"{self.path} was not written, tensors are lacking: {len(missing)} missing, first {missing[0]}."
            )
        with self._writing():
            file = self._handle()
            file.flush()
            os.fsync(file.fileno())
            file.close()
            self._temporary.replace(self.path)

    def _handle(self) -> BinaryIO:
        if self._file is None:
            raise CheckpointError(f"{self.path} is not open: write inside 'with SafetensorsWriter(...)'.")
        return self._file

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._discard()
            reason = error.strerror or error
            raise CheckpointError(
                f"cannot write {self.path}: {reason}. Nothing was kept; free some space or choose another folder."
            ) from error

    def _discard(self) -> None:
        with contextlib.suppress(OSError):
            if self._file is not None:
                self._file.close()
        with contextlib.suppress(OSError):
            self._temporary.unlink(missing_ok=True)


def write_safetensors(path: str | Path, tensors: StateDict, metadata: Mapping[str, str] | None = None) -> str:
    """Write tensors to a safetensors file, all or nothing, and return the SHA-256 of their names and contents.

    Raises:
        CheckpointError: see `SafetensorsWriter`.
    """
    layout = layout_of(tensors)
    with SafetensorsWriter(path, layout, metadata) as writer:
        for key in writer.order:
            writer.write(key, tensors[key])
    return writer.digest


def layout_of(tensors: StateDict) -> dict[str, tuple[torch.dtype, tuple[int, ...]]]:
    """Dtype and shape of every tensor."""
    layout = {}
    for key in tensors:
        tensor = tensors[key]
        layout[key] = (tensor.dtype, tuple(tensor.shape))
    return layout


def _header(layout: Mapping[str, tuple[torch.dtype, tuple[int, ...]]], order: tuple[str, ...], facts: dict) -> bytes:
    header: dict[str, Any] = {"__metadata__": facts} if facts else {}
    position = 0
    for key in order:
        dtype, shape = layout[key]
        size = dtype.itemsize * torch.Size(shape).numel()
        header[key] = {"dtype": _DTYPES[dtype], "shape": list(shape), "data_offsets": [position, position + size]}
        position += size
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _words(kind: tuple[torch.dtype, tuple[int, ...]]) -> str:
    return f"{str(kind[0]).removeprefix('torch.')} {kind[1]}"
