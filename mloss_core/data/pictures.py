"""Where single images come from: files, arrays, or some of either. Each is opened when it is asked for."""

import functools
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image

from mloss_core.data.decoding import DEEP, mode_of, open_image
from mloss_core.data.foreign_files import file_stamp, reading
from mloss_core.errors import DatasetError

HELD_OUT_SHARE, HELD_OUT_MOST, HELD_OUT_SEED = 10, 5000, 0
"""One in so many training images is held out for validation, at most so many, by this seed."""
_LOOKED_AT = 32
"""Headers that are read to tell how deep the images are."""


class Pictures(Protocol):
    """Images in a fixed order, with a label each."""

    @property
    def labels(self) -> Sequence[int]:
        """Class index of each."""

    def open(self, index: int) -> Image.Image:
        """One image, RGB."""

    def name(self, index: int) -> str:
        """What to call one image: its file below the dataset's folder, or its place in a file."""

    def lines(self) -> Iterator[str]:
        """What each image is, one line each, for lists: its file and size, or its place in a file."""

    def files(self) -> Sequence[Path]:
        """The files that the images and their labels come from, each once."""

    def deep(self) -> bool:
        """Whether some of the images, of which a few are looked at, have more than 8 bits a value."""


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
        return open_image(self.paths[index])

    def name(self, index: int) -> str:
        """Its file below the folder."""
        return self.paths[index].relative_to(self._root).as_posix()

    def lines(self) -> Iterator[str]:
        """Label, file and size of each image."""
        for place, (path, label) in enumerate(zip(self.paths, self.labels, strict=True)):
            yield f"{label}\t{self.name(place)}\t{file_stamp(path)[0]}"

    def files(self) -> Sequence[Path]:
        """A file an image."""
        return self.paths

    def deep(self) -> bool:
        """From the headers of a few files."""
        step = max(1, len(self.paths) // _LOOKED_AT)
        return any(mode_of(path) in DEEP for path in self.paths[::step] if path.is_file())


class PictureArrays:
    """Images in one array, read from its file when the first is asked for.

    Args:
        read: gives uint8 (image, height, width) or (image, height, width, 3).
        labels: their classes.
        source: the file that the array comes from.
        others: further files of it.
    """

    def __init__(
        self,
        read: Callable[[], np.ndarray],
        labels: "Sequence[int] | np.ndarray",
        source: Path,
        others: Sequence[Path] = (),
    ) -> None:
        self.labels, self._read, self._source = tuple(int(label) for label in labels), read, source
        self._files = (source, *others)

    @functools.cached_property
    def _pixels(self) -> np.ndarray:
        with reading(self._source, "hold images"):
            pixels = self._read()
        if len(pixels) != len(self.labels):
            raise DatasetError(
                f"{self._source} must hold an image for each of its {len(self.labels)} labels; found {len(pixels)}. "
                "Download it again."
            )
        return pixels

    def open(self, index: int) -> Image.Image:
        """One image, RGB."""
        pixels = self._pixels
        with reading(self._source, "hold images of 8 bits, grey or RGB"):
            return Image.fromarray(pixels[index]).convert("RGB")

    def name(self, index: int) -> str:
        """The file and the place in it."""
        return f"{self._source.name}#{index}"

    def lines(self) -> Iterator[str]:
        """Label of each image with its place, after the file's name and size."""
        yield f"{self._source.name}\t{file_stamp(self._source)[0]}"
        yield from (f"{label}\t{place}" for place, label in enumerate(self.labels))

    def files(self) -> Sequence[Path]:
        """Those of the array."""
        return self._files

    def deep(self) -> bool:
        """Never: arrays hold bytes."""
        return False


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

    def name(self, index: int) -> str:
        """What it is called among all."""
        return self._all.name(self._places[index])

    def lines(self) -> Iterator[str]:
        """The places, after what all images are."""
        yield from self._all.lines()
        yield from (f"\t{place}" for place in self._places)

    def files(self) -> Sequence[Path]:
        """Those of all images."""
        return self._all.files()

    def deep(self) -> bool:
        """Whether some of all images are."""
        return self._all.deep()


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
