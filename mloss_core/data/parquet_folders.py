"""Labelled images in parquet files, as Hugging Face's hub keeps datasets: `data/train-00000-of-00001.parquet`."""

import functools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from mloss_core.data.decoding import DEEP, decode_image, mode_of
from mloss_core.data.foreign_files import AGAIN, check_regular, file_stamp, reading
from mloss_core.data.hidden_labels import HIDDEN, without_hidden
from mloss_core.data.image_folders import HELD_OUT, TEMPLATES
from mloss_core.data.parquet_files import chosen_files
from mloss_core.data.pictures import held_out
from mloss_core.data.split_dataset import SplitDataset
from mloss_core.errors import DatasetError
from mloss_core.vision.architecture import Architecture

_IMAGES, _LABELS = ("image", "img", "jpg"), ("label", "fine_label", "labels", "cls")


class ParquetPictures:
    """Images in the rows of parquet files; a row group is read when one of its images is asked for.

    Args:
        files: in order.

    Raises:
        DatasetError: no parquet files, or ones without an image and a label column.
    """

    def __init__(self, files: Sequence[Path]) -> None:
        self._files = tuple(files)
        self._image, self._label, self.classes = _columns(self._files[0])
        self._groups: list[tuple[Path, int, int]] = []
        labels: list[int] = []
        for path in self._files:
            with reading(path, "be a parquet file"):
                found = _parquet(path)
                start = len(labels)
                for group in range(found.metadata.num_row_groups):
                    self._groups.append((path, group, start))
                    start += found.metadata.row_group(group).num_rows
                if self._label not in found.schema_arrow.names or self._image not in found.schema_arrow.names:
                    raise DatasetError(f"{path} must have the columns {self._image} and {self._label} as its like do.")
                labels += found.read(columns=[self._label]).column(self._label).to_pylist()
        self.labels = tuple(_class_number(label, self._label, self._files[0]) for label in labels)
        self._starts = np.array([start for *_, start in self._groups])

    def open(self, index: int) -> Image.Image:
        """One image, RGB.

        Raises:
            DatasetError: a row that holds no image.
        """
        content, place = self._content(index)
        if not isinstance(content, bytes):
            raise DatasetError(f"{place} must hold the bytes of an image; it has none. {AGAIN}")
        return decode_image(content, place)

    def name(self, index: int) -> str:
        """The file and the row in it."""
        path, _, _ = self._group_of(index)
        first = next(start for other, _, start in self._groups if other == path)
        return f"{path.name}#{index - first}"

    def lines(self) -> Iterator[str]:
        """Label of each row, after names and sizes of the files."""
        yield from (f"{path.name}\t{file_stamp(path)[0]}" for path in self._files)
        yield from (f"{label}\t{place}" for place, label in enumerate(self.labels))

    def files(self) -> Sequence[Path]:
        """The parquet files."""
        return self._files

    def deep(self) -> bool:
        """From the first image."""
        try:
            content, _ = self._content(0)
        except (DatasetError, IndexError):
            return False
        return isinstance(content, bytes) and mode_of(content) in DEEP

    def _content(self, index: int) -> tuple[Any, str]:
        """What the row holds for an image, and where that is."""
        path, group, start = self._group_of(index)
        cell = _group(str(path), tuple(file_stamp(path)), group, self._image)[index - start]
        return (cell.get("bytes") if isinstance(cell, dict) else cell), f"row {index - start} of {path}"

    def _group_of(self, index: int) -> tuple[Path, int, int]:
        """File, number and first image of the row group that holds an image."""
        return self._groups[int(np.searchsorted(self._starts, index, side="right")) - 1]


def read_parquet_folder(
    name: str,
    folder: Path,
    architecture: Architecture,
    classes: Sequence[str] | None = None,
    templates: Sequence[str] = TEMPLATES,
) -> SplitDataset:
    """The dataset of a folder of parquet files, its training images split for validation where it has no such files.

    Args:
        name: of the task.
        folder: with files of `train`, perhaps `validation`, and `test`.
        architecture: of the encoder whose images it gives.
        classes: names in label order, where they are known better than by the files.
        templates: sentences for a zero-shot head.

    Raises:
        DatasetError: no training files, or columns that are not there.
    """
    files, notes = chosen_files(folder, name, readable)
    parts = {split: ParquetPictures(paths) for split, paths in files.items()}
    hidden = without_hidden(name, parts)
    splits = hidden.splits
    rule = "parquet files"
    if "val" not in splits and "train" not in hidden.secret:
        splits["train"], splits["val"] = held_out(splits["train"])
        rule = f"parquet files; {HELD_OUT}"
    count = 1 + max(max(pictures.labels, default=0) for pictures in parts.values())
    named = tuple(classes or parts["train"].classes or (str(label) for label in range(count)))
    if len(named) < count:
        raise DatasetError(f"{folder} has labels up to {count - 1}, but {len(named)} classes. Check the label column.")
    return SplitDataset(name, named, templates, splits, architecture, (*notes, *hidden.notes), rule, hidden)


def readable(path: Path) -> bool:
    """Whether a parquet file has a column of images and one of class numbers."""
    try:
        _columns(path)
    except DatasetError:
        return False
    return True


def _class_number(label: Any, column: str, path: Path) -> int:
    """A label as a number; nothing, and all below zero, is a hidden one."""
    if label is None:
        return HIDDEN
    if not isinstance(label, int):
        raise DatasetError(f"{path}: the column {column} must hold class numbers; found {str(label)[:40]!r}.")
    return max(HIDDEN, int(label))


def _columns(path: Path) -> tuple[str, str, tuple[str, ...]]:
    """Names of the image and label columns, and class names where the file records them."""
    schema = _parquet(path).schema_arrow
    image = next((name for name in _IMAGES if name in schema.names), None)
    label = next((name for name in _LABELS if name in schema.names), None)
    if image is None or label is None:
        raise DatasetError(f"{path} must have a column image and a column label; found {', '.join(schema.names)}.")
    try:
        facts = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        names = facts["info"]["features"][label]["names"]
    except (ValueError, KeyError, TypeError):
        names = ()
    return image, label, tuple(str(one).replace("_", " ") for one in names)


def _parquet(path: Path) -> Any:
    from pyarrow.parquet import ParquetFile

    check_regular(path)
    with reading(path, "be a parquet file"):
        return ParquetFile(path)


@functools.lru_cache(maxsize=8)
def _group(path: str, stamp: tuple[int, ...], group: int, column: str) -> list[Any]:
    """The images of a row group; the last few groups stay, as neighbours are asked for together.

    The file's stamp is part of the key, so that nothing stays of a file that was replaced.
    """
    found = _parquet(Path(path))
    with reading(path, "be a parquet file"):
        return found.read_row_group(group, columns=[column]).column(column).to_pylist()
