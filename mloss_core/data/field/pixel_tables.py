"""Images as lines of numbers, as Kaggle keeps MNIST and its like: a label and the values of a square grey image."""

import functools
import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mloss_core.data.field.lists import whole_number
from mloss_core.data.foreign_files import AGAIN, check_regular, reading
from mloss_core.data.hidden_labels import HIDDEN
from mloss_core.data.pictures import PictureArrays
from mloss_core.errors import DatasetError


def read_pixel_table(path: Path) -> PictureArrays:
    """The images of `train.csv`: a line of names, then a line an image. Without a column `label` all labels are hidden.

    Raises:
        DatasetError: no such table, or a line of it that is too short.
    """
    check_regular(path)
    with reading(path, "be a table of labels and pixels"):
        lines = _lines(path)
        names = next(lines, "").lower().split(",")
        labelled = names[0] == "label"
        labels, values = [], len(names) - labelled
        for number, line in enumerate(lines, 2):
            if line.count(",") != len(names) - 1:
                raise DatasetError(f"line {number} of {path} must have {len(names)} values. {AGAIN}")
            labels.append(whole_number(line.partition(",")[0], path) if labelled else HIDDEN)
    if math.isqrt(values) ** 2 != values or not labels:
        raise DatasetError(f"{path} must hold square images, one a line; found {values} values in {len(labels)} lines.")
    return PictureArrays(functools.partial(_pixels, path, labelled, math.isqrt(values)), labels, path)


def _pixels(path: Path, labelled: bool, side: int) -> np.ndarray:
    lines = _lines(path)
    next(lines)
    found = np.loadtxt(lines, np.uint8, delimiter=",", usecols=range(int(labelled), int(labelled) + side**2), ndmin=2)
    return found.reshape(-1, side, side)


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8-sig") as file:
        yield from (line.strip() for line in file if line.strip())
