"""Readers of the field's datasets that keep their images in one file: idx, MATLAB, binary and CSV."""

import functools
import gzip
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np

from mloss_core.data.field.cifar import read_cifar
from mloss_core.data.field.lists import csv_rows, whole_number
from mloss_core.data.field.matlab import matlab
from mloss_core.data.field.pixel_tables import read_pixel_table
from mloss_core.data.field.places import first_of, need
from mloss_core.data.foreign_files import AGAIN, check_regular, reading
from mloss_core.data.pictures import PictureArrays, Pictures
from mloss_core.errors import DatasetError

_IDX_IMAGES, _IDX_LABELS = 2051, 2049
_FER_SPLITS = {"Training": "train", "PublicTest": "test", "PrivateTest": "test"}
_FER_ORDER = ("PublicTest", "PrivateTest")
Parts = dict[str, Pictures]


def read_idx(folder: Path, prefix: str = "") -> Parts:
    """MNIST and its like: `raw/train-images-idx3-ubyte`, plain or gzipped, or Kaggle's tables.

    Args:
        folder: of the dataset.
        prefix: of the file names: `emnist-digits-`.
    """
    tables = {split: first_of(folder, [f"{split}.csv", f"*_{split}.csv"]) for split in ("train", "test")}
    idx = first_of(folder, [f"{place}{prefix}train-images-idx3-ubyte*" for place in ("raw/", "", "gzip/", "*/raw/")])
    if idx is None and tables["train"] is not None and tables["test"] is not None:
        return {split: read_pixel_table(path) for split, path in tables.items() if path is not None}
    parts: Parts = {}
    for split, stem in (("train", "train"), ("test", None)):
        stems = [stem] if stem else ["t10k", "test"]
        images, labels = (
            need(
                folder,
                [
                    f"{place}{prefix}{one}-{kind}-ubyte{end}"
                    for one in stems
                    for place in ("raw/", "", "gzip/", "*/raw/")
                    for end in ("", ".gz")
                ],
            )
            for kind in ("images-idx3", "labels-idx1")
        )
        read = functools.partial(_idx, images, _IDX_IMAGES)
        rows = _idx(labels, _IDX_LABELS)
        _check_whole(images, len(rows))
        parts[split] = PictureArrays(read, rows, images, (labels,))
    return parts


def read_svhn(folder: Path) -> Parts:
    """`train_32x32.mat` and `test_32x32.mat`; label 10 is the digit 0."""
    parts: Parts = {}
    for split in ("train", "test"):
        path = need(folder, [f"{split}_32x32.mat"])
        labels = matlab(path, "y").ravel().astype(np.int64) % 10
        parts[split] = PictureArrays(
            functools.partial(lambda path: matlab(path, "X").transpose(3, 0, 1, 2), path), labels, path
        )
    return parts


def read_stl10(folder: Path) -> Parts:
    """`stl10_binary/{train,test}_{X,y}.bin`; images are stored column by column, labels from 1."""
    parts: Parts = {}
    for split in ("train", "test"):
        images, labels = (need(folder, [f"stl10_binary/{split}_{kind}.bin", f"{split}_{kind}.bin"]) for kind in "Xy")
        rows = _whole(labels, 1).astype(np.int64) - 1
        _whole(images, 3 * 96 * 96, mapped=True)
        parts[split] = PictureArrays(
            functools.partial(
                lambda path: _whole(path, 3 * 96 * 96).reshape(-1, 3, 96, 96).transpose(0, 3, 2, 1), images
            ),
            rows,
            images,
            (labels,),
        )
    return parts


def read_fer2013(folder: Path) -> Parts:
    """`fer2013.csv` or `icml_face_data.csv`: emotion, 48 x 48 values and the split of each image."""
    path = need(folder, ["fer2013.csv", "icml_face_data.csv", "*/fer2013.csv"])
    rows = _fer_rows(path)
    splits = {"train": ("Training",), "test": _FER_ORDER}
    parts: Parts = {}
    for split, usages in splits.items():
        chosen = [row for usage in usages for row in rows if row[2] == usage]
        parts[split] = PictureArrays(
            functools.partial(_fer_pixels, [row[1] for row in chosen]),
            [whole_number(row[0], path) for row in chosen],
            path,
        )
    return parts


def _idx(path: Path, magic: int) -> np.ndarray:
    opened: Callable = gzip.open if path.suffix == ".gz" else open
    check_regular(path)
    with reading(path, "be an idx file"), opened(path, "rb") as file:
        content = file.read()
    found = int.from_bytes(content[:4], "big")
    depth = found & 255
    shape = [int.from_bytes(content[4 + 4 * axis : 8 + 4 * axis], "big") for axis in range(depth)] if depth < 4 else []
    start = 4 + 4 * depth
    kind = "images" if magic == _IDX_IMAGES else "labels"
    if found != magic or len(content) - start != int(np.prod(shape, dtype=np.int64)):
        raise DatasetError(f"{path} must be an idx file of {kind}; it is not.")
    return np.frombuffer(content, np.uint8, offset=start).reshape(shape)


def _check_whole(path: Path, count: int) -> None:
    """Refuse, when the dataset is opened, a file of images that is cut or damaged, or that has another number of them.

    A gzip stream shows damage only when it is read to its end.
    """
    if path.suffix == ".gz":
        found = len(_idx(path, _IDX_IMAGES))
    else:
        check_regular(path)
        with reading(path, "be an idx file"), path.open("rb") as file:
            numbers = np.frombuffer(file.read(16), ">u4").astype(np.int64)
            found = int(numbers[1])
            if numbers[0] != _IDX_IMAGES or path.stat().st_size != 16 + int(np.prod(numbers[1:])):
                raise DatasetError(f"{path} must be an idx file of images; it is not.")
    if found != count:
        raise DatasetError(f"{path} must hold an image for each of its {count} labels; found {found}. {AGAIN}")


def _whole(path: Path, record: int, mapped: bool = False) -> np.ndarray:
    """The bytes of a file of equal records, in memory or left on the disk."""
    check_regular(path)
    with reading(path, f"hold records of {record} bytes"):
        content = np.memmap(path, np.uint8, "r") if mapped else np.fromfile(path, np.uint8)
    if len(content) % record:
        raise DatasetError(f"{path} must hold records of {record} bytes; it has {len(content)}. Download it again.")
    return content


def _fer_rows(path: Path) -> list[tuple[str, str, str]]:
    rows = csv_rows(path, ("emotion", "pixels", "Usage"))
    return [(row["emotion"], row["pixels"], row["Usage"].strip()) for row in rows]


def _fer_pixels(texts: list[str]) -> np.ndarray:
    return np.stack([np.array(text.split(), np.uint8).reshape(48, 48) for text in texts])


READERS: Mapping[str, Callable[[Path], Parts]] = {
    "mnist": read_idx,
    "kmnist": read_idx,
    "fashionmnist": read_idx,
    "emnist": functools.partial(read_idx, prefix="emnist-digits-"),
    "svhn": read_svhn,
    "stl10": read_stl10,
    "fer2013": read_fer2013,
    "cifar10": functools.partial(read_cifar, fine=False),
    "cifar100": functools.partial(read_cifar, fine=True),
}
"""Readers by task."""
MAY_HIDE = ("mnist", "kmnist", "fashionmnist")
"""Tasks whose test labels Kaggle keeps to itself. Everywhere else a label below 0 is a fault of the file."""
