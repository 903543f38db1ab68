"""Labelled images in parquet files, as Hugging Face's hub keeps datasets: `data/train-00000-of-00001.parquet`."""

import functools
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from mloss_core.data.image_folders import HELD_OUT, SPLIT_NAMES, TEMPLATES
from mloss_core.data.pictures import Pictures, held_out
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
            found = _parquet(path)
            start = len(labels)
            for group in range(found.metadata.num_row_groups):
                self._groups.append((path, group, start))
                start += found.metadata.row_group(group).num_rows
            labels += _read(path, [self._label]).column(0).to_pylist()
        if any(not isinstance(label, int) for label in labels):
            raise DatasetError(f"{self._files[0]}: the column {self._label} must hold class numbers.")
        self.labels = tuple(labels)
        self._starts = np.array([start for *_, start in self._groups])

    def open(self, index: int) -> Image.Image:
        """One image, RGB.

        Raises:
            DatasetError: a row that holds no image.
        """
        place = int(np.searchsorted(self._starts, index, side="right")) - 1
        path, group, start = self._groups[place]
        cell = _group(str(path), group, self._image)[index - start]
        content = cell.get("bytes") if isinstance(cell, dict) else cell
        try:
            with Image.open(io.BytesIO(content or b"")) as image:
                return image.convert("RGB")
        except (OSError, TypeError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise DatasetError(f"row {index - start} of {path} must hold the bytes of an image: {error}.") from error

    def lines(self) -> Iterator[str]:
        """Label of each row, after names and sizes of the files."""
        yield from (f"{path.name}\t{path.stat().st_size}" for path in self._files)
        yield from (f"{label}\t{place}" for place, label in enumerate(self.labels))


def parquet_files(folder: Path) -> dict[str, list[Path]]:
    """The files of each split, by their names; empty where there are none."""
    found: dict[str, list[Path]] = {}
    for path in sorted((*folder.glob("*.parquet"), *folder.glob("data/*.parquet"), *folder.glob("*/*.parquet"))):
        words = {path.name.split("-")[0].lower().removesuffix(".parquet"), path.parent.name.lower()}
        split = next((name for name, others in SPLIT_NAMES.items() if words & set(others)), None)
        if split is not None and path not in found.get(split, ()):
            found.setdefault(split, []).append(path)
    return found


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
    files = parquet_files(folder)
    if "train" not in files:
        raise DatasetError(f"{folder} must hold parquet files of a train split, such as train-00000-of-00001.parquet.")
    parts = {split: ParquetPictures(paths) for split, paths in files.items()}
    splits: dict[str, Pictures] = dict(parts)
    rule = "parquet files"
    if "val" not in splits:
        splits["train"], splits["val"] = held_out(parts["train"])
        rule = f"parquet files; {HELD_OUT}"
    count = 1 + max(max(pictures.labels, default=0) for pictures in parts.values())
    named = tuple(classes or parts["train"].classes or (str(label) for label in range(count)))
    if len(named) < count:
        raise DatasetError(f"{folder} has labels up to {count - 1}, but {len(named)} classes. Check the label column.")
    return SplitDataset(name, named, templates, splits, architecture, (), rule)


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
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        return ParquetFile(path)
    except (OSError, ArrowException) as error:
        raise DatasetError(f"{path} must be a parquet file: {error}. Download it again.") from error


def _read(path: Path, columns: list[str]) -> Any:
    return _parquet(path).read(columns=columns)


@functools.lru_cache(maxsize=8)
def _group(path: str, group: int, column: str) -> list[Any]:
    """The images of a row group; the last few groups stay, as neighbours are asked for together."""
    return _parquet(Path(path)).read_row_group(group, columns=[column]).column(0).to_pylist()
