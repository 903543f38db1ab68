"""Where single images come from: files, arrays, or some of either. Each is opened when it is asked for."""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from mloss_core.errors import DatasetError

HELD_OUT_SHARE, HELD_OUT_MOST, HELD_OUT_SEED = 10, 5000, 0
"""One in so many training images is held out for validation, at most so many, by this seed."""


class Pictures(Protocol):
    """Images in a fixed order, with a label each."""

    @property
    def labels(self) -> Sequence[int]:
        """Class index of each."""

    def open(self, index: int) -> Image.Image:
        """One image, RGB."""

    def lines(self) -> Iterator[str]:
        """What each image is, one line each, for digests: its file and size, or its place in a file."""


class PictureFiles:
    """Images in files.

    Args:
        paths: of the images. labels: their classes.
        root: the folder that lines name files from.
    """

    def __init__(self, paths: Sequence[Path], labels: Sequence[int], root: Path) -> None:
        self.paths, self.labels, self._root = tuple(paths), tuple(labels), root

    def open(self, index: int) -> Image.Image:
        """One image, RGB.

        Raises:
            DatasetError: a file that is no image.
        """
        path = self.paths[index]
        try:
            with Image.open(path) as image:
                return image.convert("RGB")
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise DatasetError(
                f"{path} must be an image that Pillow can read: {error}. Replace or remove it."
            ) from error

    def lines(self) -> Iterator[str]:
        """Label, file and size of each image."""
        for path, label in zip(self.paths, self.labels, strict=True):
            yield f"{label}\t{path.relative_to(self._root).as_posix()}\t{path.stat().st_size}"


class PictureArrays:
    """Images in one array, read from its file when the first is asked for.

    Args:
        read: gives uint8 (image, height, width) or (image, height, width, 3).
        labels: their classes.
        source: the file that the array comes from.
    """

    def __init__(self, read: Callable[[], np.ndarray], labels: "Sequence[int] | np.ndarray", source: Path) -> None:
        self.labels, self._read, self._source = tuple(int(label) for label in labels), read, source

    @functools.cached_property
    def _pixels(self) -> np.ndarray:
        pixels = self._read()
        if len(pixels) != len(self.labels):
            raise DatasetError(
                f"{self._source} must hold an image for each of its {len(self.labels)} labels; found {len(pixels)}. "
                "Download it again."
            )
        return pixels

    def open(self, index: int) -> Image.Image:
        """One image, RGB."""
        return Image.fromarray(self._pixels[index]).convert("RGB")

    def lines(self) -> Iterator[str]:
        """Label of each image with its place, after the file's name and size."""
        yield f"{self._source.name}\t{self._source.stat().st_size}"
        yield from (f"{label}\t{place}" for place, label in enumerate(self.labels))


class SomePictures:
    """Some images of others, in an order of their own.

    Args:
        pictures: the others.
        places: which, and in what order.
    """

    def __init__(self, pictures: Pictures, places: Sequence[int]) -> None:
        self._all, self._places = pictures, tuple(places)
        self.labels = tuple(pictures.labels[place] for place in self._places)

    def open(self, index: int) -> Image.Image:
        """One image, RGB."""
        return self._all.open(self._places[index])

    def lines(self) -> Iterator[str]:
        """The places, after what all images are."""
        yield from self._all.lines()
        yield from (f"\t{place}" for place in self._places)


def held_out(pictures: Pictures) -> tuple[SomePictures, SomePictures]:
    """Training images split into those that train and those that validate, by the field's rule.

    The field's code draws them with PyTorch's `random_split` and seed 0 from the training set in its own order, so that
    for a dataset in that order these are the images that its fine-tuned checkpoints have not seen. (For MNIST's 60 000
    the first training image is number 36044, which that code asserts.)
    """
    count = len(pictures.labels)
    held = min(max(1, count // HELD_OUT_SHARE), HELD_OUT_MOST) if count > 1 else 0
    order = torch.randperm(count, generator=torch.Generator().manual_seed(HELD_OUT_SEED)).tolist()
    return SomePictures(pictures, order[: count - held]), SomePictures(pictures, order[count - held :])
