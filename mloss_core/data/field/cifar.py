"""CIFAR's batches: the Python version, whose pickles are read as data with nothing executed, and the binary one."""

import functools
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mloss_core.checkpoints.pickle_data import Blob, Global, Obj, Window
from mloss_core.checkpoints.pickle_machine import read_pickle
from mloss_core.data.field.places import first_of, need
from mloss_core.data.foreign_files import reading
from mloss_core.data.pictures import PictureArrays, Pictures
from mloss_core.errors import CheckpointError, DatasetError

_PIXELS = 3 * 32 * 32
_BATCHES = {"train": tuple(f"data_batch_{number}" for number in range(1, 6)), "test": ("test_batch",)}
_FINE = {"train": ("train",), "test": ("test",)}
_ELSE = "Keep the dataset as folders of images or as parquet files instead."


def read_cifar(folder: Path, fine: bool) -> dict[str, Pictures]:
    """CIFAR-10, or CIFAR-100 with its fine labels.

    `cifar-10-batches-py/data_batch_1` .. or `cifar-10-batches-bin/data_batch_1.bin` .., `cifar-100-python/train` or
    `cifar-100-binary/train.bin`.
    """
    names, stem = (_FINE, "cifar-100") if fine else (_BATCHES, "cifar-10")
    binary = first_of(folder, [f"{stem}*/*.bin", "*.bin"]) is not None
    ending = ".bin" if binary else ""
    parts: dict[str, Pictures] = {}
    for split, batches in names.items():
        paths = [need(folder, [f"{stem}*/{name}{ending}", f"{name}{ending}"]) for name in batches]
        read = functools.partial(_binary if binary else _pickled, fine=fine)
        labels = np.concatenate([_guarded(read, path)[1] for path in paths])
        parts[split] = PictureArrays(functools.partial(_pixels, paths, read), labels, paths[0], paths[1:])
    return parts


def _pixels(paths: list[Path], read: Callable[[Path], tuple[np.ndarray, np.ndarray]]) -> np.ndarray:
    rows = np.concatenate([_guarded(read, path)[0] for path in paths])
    return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def _guarded(read: Callable[[Path], tuple[np.ndarray, np.ndarray]], path: Path) -> tuple[np.ndarray, np.ndarray]:
    with reading(path, "be a CIFAR batch"):
        return read(path)


def _binary(path: Path, fine: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows of pixels and labels: records of a label (two for CIFAR-100, the second counts) and 3072 bytes."""
    content, record = np.fromfile(path, np.uint8), _PIXELS + 1 + fine
    if not len(content) or len(content) % record:
        raise DatasetError(f"{path} must hold records of {record} bytes; it has {len(content)}. Download it again.")
    rows = content.reshape(-1, record)
    return rows[:, 1 + fine :], rows[:, int(fine)].astype(np.int64)


def _pickled(path: Path, fine: bool) -> tuple[np.ndarray, np.ndarray]:
    """Rows of pixels, left on the disk until they are used, and labels."""
    key = "fine_labels" if fine else "labels"
    try:
        with path.open("rb") as file:
            value, _ = read_pickle(Window(file, 0, path.stat().st_size))
    except CheckpointError as error:
        raise DatasetError(f"{path} is no CIFAR batch: {error} {_ELSE}") from error
    found: Mapping[Any, Any] = value if isinstance(value, dict) else {}
    labels, blob = found.get(key), _bytes_of(found.get("data"))
    if blob is None or not isinstance(labels, list) or not all(type(label) is int for label in labels):
        raise DatasetError(f"{path} must hold data and {key} as CIFAR's Python batches do. {_ELSE}")
    if not labels or blob.length != len(labels) * _PIXELS:
        raise DatasetError(f"{path} must hold {_PIXELS} bytes for each of its {len(labels)} labels. {_ELSE}")
    rows = np.memmap(path, np.uint8, "r", blob.offset, (len(labels), _PIXELS))
    return rows, np.array(labels, np.int64)


def _bytes_of(value: Any) -> Blob | None:
    """The bytes of a uint8 array in C order, as numpy pickles it."""
    if not isinstance(value, Obj) or len(value.states) != 1:
        return None
    state = value.states[0]
    known = isinstance(value.cls, Global) and value.cls.name == "_reconstruct"
    if not (known and isinstance(state, tuple) and len(state) == 5 and isinstance(state[4], Blob) and not state[3]):
        return None
    kind = state[2]
    uint8 = isinstance(kind, Obj) and isinstance(kind.args, tuple) and kind.args[:1] == ("u1",)
    return state[4] if uint8 else None
