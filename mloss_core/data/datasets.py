"""What a labelled image dataset must offer, whatever it is stored as."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from mloss_core.errors import DatasetError

SPLITS = ("train", "val", "test")


class Dataset(Protocol):
    """Labelled images in named splits, drawn by index. Images come normalised as the encoder wants them."""

    name: str
    classes: tuple[str, ...]
    templates: tuple[str, ...]

    @property
    def digest(self) -> str:
        """SHA-256 of what the images are made from: results carry it."""

    def size(self, split: str) -> int:
        """Number of images in `train`, `val` or `test`."""

    def labels(self, split: str) -> Tensor:
        """Class index of every image of the split, int64 (image,)."""

    def pixels(self, split: str, indices: Sequence[int]) -> np.ndarray:
        """Chosen images for people to look at: uint8 (image, height, width, 3)."""

    def images(self, split: str, indices: Sequence[int], preprocess: str = "model") -> Tensor:
        """Chosen images for the encoder: float32 (image, 3, side, side).

        `preprocess` is `model` (the encoder's own normalisation) or `stretch` (resized, values in [0, 1]).
        """


def listing_of(dataset: Dataset) -> str:
    """What random draws from a dataset are keyed by: its names and sizes, so that they are the same for mended images.

    Datasets that tell nothing less than their content are known by their digest.
    """
    return getattr(dataset, "listing", None) or dataset.digest


def is_labelled(dataset: Dataset, split: str) -> bool:
    """Whether the split has images, and their classes are known: on others nothing is right or wrong."""
    return bool(dataset.classes) and dataset.size(split) > 0 and split not in getattr(dataset, "hidden", ())


def check_split(split: str) -> str:
    """The split's name.

    Raises:
        DatasetError: no such split.
    """
    if split not in SPLITS:
        raise DatasetError(f"a split is one of {', '.join(SPLITS)}; found {split!r}.")
    return split


def batches(dataset: Dataset, split: str, size: int = 256) -> Iterator[Tensor]:
    """All images of a split in order, `size` at a time."""
    count = dataset.size(split)
    for start in range(0, count, size):
        yield dataset.images(split, range(start, min(start + size, count)))


def normalise(pixels: np.ndarray, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """uint8 (image, height, width, 3) to normalised float32 (image, 3, height, width)."""
    scaled = torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).to(torch.float32) / 255
    return (scaled - torch.tensor(mean).view(1, 3, 1, 1)) / torch.tensor(std).view(1, 3, 1, 1)
