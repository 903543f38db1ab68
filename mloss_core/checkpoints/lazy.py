"""A checkpoint as a lazy mapping of canonical tensors, whatever container and layout it came in."""

import dataclasses
import hashlib
import math
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self

import torch
from torch import Tensor

from mloss_core.checkpoints.containers import PickleFile, Place, check_bytes, read_container
from mloss_core.checkpoints.facts import module_facts, scalar_entries, with_config, with_note
from mloss_core.checkpoints.guarding import file_errors
from mloss_core.checkpoints.hostile import refuse_hostile
from mloss_core.checkpoints.layouts import Layout, find_layout
from mloss_core.checkpoints.records import ITEM_BYTES, Entries, TensorRecord, inline_tensors, is_module
from mloss_core.checkpoints.stored import StoredTensors, unwrapped
from mloss_core.checkpoints.wrappers import find_weights
from mloss_core.errors import CheckpointError
from mloss_core.state_dicts import banded_digest, state_digest, tensor_digest
from mloss_core.vision.shapes import shape_problems

_CHUNK = 1 << 22
_BAND_BYTES = 1 << 24


class LazyCheckpoint(Mapping[str, Tensor]):
    """Canonical name -> tensor, read from the file when asked for; usable as a state dict.

    Attributes:
        format: container and layout, such as `zip:open_clip` or `safetensors:hf`.
        facts: what the file, or else a configuration beside it, says of its model (`activation`, `heads`,
            `layer_norm_eps`, `mean`, `std`), where one does; and `notes`.
        own_facts: the file's alone.
        left_out: stored names that are no part of the vision tower.
    """

    def __init__(self, path: Path, stored: StoredTensors, layout: Layout) -> None:
        self.path, self._stored, self._layout = path, stored, layout
        self.format = f"{stored.container}:{layout.family}"
        self.own_facts = stored.facts
        if layout.passed_over:
            self.own_facts = with_note(stored.facts, f"{_quoted(layout.passed_over)} were passed over.")
        self.facts = with_config(self.own_facts, path)
        self.left_out = layout.left_out
        self.prefix = layout.prefix
        self._digest: str | None = None

    def __getitem__(self, name: str) -> Tensor:
        part = self._layout.parts[name]
        tensors = [self._stored.read(key) for key in part.keys]
        tensor = tensors[0] if len(tensors) == 1 else torch.cat(tensors)
        if part.form == "transposed":
            return tensor.T.contiguous()
        if part.form == "squeezed":
            return tensor.reshape(self.shape(name))
        return tensor

    def __contains__(self, name: object) -> bool:
        return name in self._layout.parts

    def __iter__(self) -> Iterator[str]:
        return iter(self._layout.parts)

    def __len__(self) -> int:
        return len(self._layout.parts)

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of a canonical tensor, without reading it."""
        part = self._layout.parts[name]
        shape = self._stored.shapes[part.keys[0]]
        if part.form == "transposed":
            return shape[::-1]
        if part.form == "squeezed":
            return tuple(size for size in shape if size != 1)
        if len(part.keys) > 1:
            return (sum(self._stored.shapes[key][0] for key in part.keys), *shape[1:])
        return shape

    def dtype(self, name: str) -> str:
        """Stored dtype of a canonical tensor, such as `float32`."""
        return self._stored.dtypes[self._layout.parts[name].keys[0]]

    def read_stored(self, key: str) -> Tensor:
        """A tensor that is no part of the tower, by its stored name (see `left_out`)."""
        return self._stored.read(key)

    def stored_digest(self, key: str, floats: torch.dtype | None = None) -> str:
        """The `tensor_digest` of a stored tensor. A large one, such as a text embedding, is read in bands of rows.

        Args:
            floats: what floating values are read as, so that equal ones have one digest in every precision.
        """
        shape, stored = self._stored.shapes[key], getattr(torch, self._stored.dtypes[key])
        dtype = floats if floats is not None and stored.is_floating_point else stored
        rows, size = (shape[0], math.prod(shape[1:])) if shape else (1, 1)
        band = max(1, _BAND_BYTES // max(1, size * dtype.itemsize))
        if rows <= band:
            return tensor_digest(self._stored.read(key).to(dtype))
        bands = (self._stored.read_rows(key, start, min(start + band, rows)) for start in range(0, rows, band))
        return banded_digest(dtype, shape, (part.to(dtype) for part in bands))

    @property
    def digest(self) -> str:
        """SHA-256 over the names and contents of the canonical tensors: the same in every format. Reads them all."""
        if self._digest is None:
            self._digest = state_digest(self)
        return self._digest

    def close(self) -> None:
        """Close the file; tensors already read stay."""
        self._stored.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _quoted(places: tuple[str, ...]) -> str:
    return f"the weights below {', '.join(map(repr, places))}"


def file_digest(path: Path) -> str:
    """SHA-256 of a file's bytes, read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_CHUNK):
            digest.update(piece)
    return digest.hexdigest()


def open_layout(path: Path, stored: StoredTensors) -> LazyCheckpoint:
    """The canonical view of a file's tensors; the file is closed again when it holds no vision tower that runs."""
    stored = unwrapped(stored)
    try:
        layout = find_layout(list(stored.shapes), stored.shapes, path.name, stored.refused)
        for key in layout.zero:
            if stored.read(key).any():
                raise CheckpointError(f"{path.name}: {key} is trained; a projection with a bias cannot be merged.")
        checkpoint = LazyCheckpoint(path, stored, layout)
        problems = shape_problems({name: checkpoint.shape(name) for name in checkpoint})
        if problems:
            rest = f" ({len(problems) - 1} more do not fit.)" if len(problems) > 1 else ""
            raise CheckpointError(f"{path.name}: {problems[0]}{rest}")
        for part in layout.parts.values():
            for key in part.keys:
                stored.check(key)
    except BaseException:
        stored.close()
        raise
    return checkpoint


def open_pickled(path: Path, kind: str) -> StoredTensors:
    """The tensors of a pickle-carrying file (torch zip, TorchScript, legacy, plain pickle). Nothing in it is executed.

    Raises:
        CheckpointError: hostile, damaged, or without tensors.
    """
    with file_errors(path):
        container = read_container(path, kind)
        refuse_hostile(container.names, path.name)
        entries, facts = _entries_of(container, path)
    file = path.open("rb")
    reader = _Reader(file, container, entries.tensors, path.name)
    return StoredTensors(
        shapes={key: record.shape for key, record in entries.tensors.items()},
        dtypes={key: record.dtype or "float32" for key, record in entries.tensors.items()},
        read=reader,
        read_rows=reader.rows,
        facts=facts,
        container=container.kind,
        close=file.close,
        refused=entries.refused,
        check=reader.check,
    )


def _entries_of(container: PickleFile, path: Path) -> tuple[Entries, dict[str, Any]]:
    if container.kind == "torchscript":
        return inline_tensors(container.root), {}
    found = find_weights(container.root, path.name)
    holder = found.group.holder
    facts = module_facts(holder) if is_module(holder) else scalar_entries(holder)
    if found.passed_over:
        facts = with_note(facts, f"{_quoted(found.passed_over)} were passed over.")
    return found.group.entries, facts


class _Reader:
    """Reads one tensor of a pickle-carrying file. Safe under threads: the shared file position is locked."""

    def __init__(self, file: BinaryIO, container: PickleFile, records: dict[str, TensorRecord], name: str) -> None:
        self._file, self._container, self._records, self._name = file, container, records, name
        self._lock = threading.Lock()
        self._sound: set[int] = set()
        """Where storages begin whose checksum was compared already."""

    def check(self, key: str) -> None:
        """Whether the storage of a tensor is there and large enough, and as large as the file says."""
        with self._lock:
            self._place(self._records[key], key)

    def __call__(self, key: str) -> Tensor:
        return self._read(self._records[key], key)

    def rows(self, key: str, start: int, stop: int) -> Tensor:
        record = self._records[key]
        offset = record.offset + start * record.stride[0]
        band = dataclasses.replace(record, offset=offset, shape=(stop - start, *record.shape[1:]))
        return self._read(band, key)

    def _read(self, record: TensorRecord, key: str) -> Tensor:
        with self._lock:
            place = self._place(record, key)
            if place.checksum and place.offset not in self._sound:
                check_bytes(self._file, place, key)
                self._sound.add(place.offset)
            item = ITEM_BYTES[place.dtype]
            extent = sum((size - 1) * step for size, step in zip(record.shape, record.stride, strict=True)) + 1
            self._file.seek(place.offset + record.offset * item)
            data = bytearray(extent * item if record.numel else 0)
            read = self._file.readinto(data)  # type: ignore[attr-defined]
        if read != len(data):
            raise CheckpointError(f"{self._name}: {key} ends early: the file was cut.")
        if not record.numel:
            return torch.empty(record.shape, dtype=getattr(torch, place.dtype))
        flat = torch.frombuffer(data, dtype=getattr(torch, place.dtype))
        return flat.as_strided(record.shape, record.stride).contiguous()

    def _place(self, record: TensorRecord, key: str) -> Place:
        try:
            return self._container.place(record, self._file, key)
        except CheckpointError as error:
            told = str(error) if key in str(error) else f"{key}: {error}"
            raise CheckpointError(f"{self._name}: {told}") from error
