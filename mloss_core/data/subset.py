"""A few images of some splits in place of all: a quick look before a long evaluation."""

import functools
from collections.abc import Mapping, Sequence

import numpy as np
from torch import Tensor

from mloss_core.caching import digest_of
from mloss_core.data.datasets import Dataset, check_split, listing_of
from mloss_core.errors import InvalidOptionError

EVALUATED = ("val", "test")
"""The splits that accuracies are measured on."""


class DatasetSubset:
    """At most `most` images of `val` and `test`, drawn at random once; `train` stays whole unless it is named.

    Calibration images come from `train`, so measurements that need no labels are the same with and without a subset.

    Args:
        dataset: the whole.
        most: images a split.
        seed: of the draw.
        splits: those that are cut.

    Raises:
        InvalidOptionError: `most` below 1.
    """

    def __init__(self, dataset: Dataset, most: int, seed: int = 0, splits: Sequence[str] = EVALUATED) -> None:
        if most < 1:
            raise InvalidOptionError(f"a subset must have at least 1 image; found {most}.")
        self._whole, self._most, self._seed, self._splits = dataset, most, seed, tuple(splits)
        self.name, self.classes, self.templates = dataset.name, dataset.classes, dataset.templates
        self.hidden: tuple[str, ...] = getattr(dataset, "hidden", ())
        self.left_out: Mapping[str, str] = getattr(dataset, "left_out", {})

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of the whole and of the draw, so that figures of a subset are never taken for those of the whole."""
        return self._drawn(self._whole.digest)

    @functools.cached_property
    def listing(self) -> str:
        """Likewise of the whole's `listing_of`."""
        return self._drawn(listing_of(self._whole))

    def size(self, split: str) -> int:
        """Number of images."""
        whole = self._whole.size(split)
        return min(whole, self._most) if split in self._splits else whole

    def labels(self, split: str) -> Tensor:
        """Class index of every image, int64 (image,)."""
        labels = self._whole.labels(split)
        return labels if self._is_whole(split) else labels[self.places(split)]

    def pixels(self, split: str, indices: Sequence[int]) -> np.ndarray:
        """Chosen images to look at; see `Dataset.pixels`."""
        return self._whole.pixels(split, self._of_whole(split, indices))

    def images(self, split: str, indices: Sequence[int], preprocess: str = "model") -> Tensor:
        """Chosen images for the encoder; see `Dataset.images`."""
        return self._whole.images(split, self._of_whole(split, indices), preprocess)

    def _drawn(self, whole: str) -> str:
        if all(self._whole.size(split) <= self._most for split in self._splits):
            return whole
        others = () if self._splits == EVALUATED else (list(self._splits),)
        return digest_of("subset", whole, self._most, self._seed, *others)

    def _is_whole(self, split: str) -> bool:
        return check_split(split) not in self._splits or self._whole.size(split) <= self._most

    def places(self, split: str) -> np.ndarray:
        """Positions of the images in the whole's split, rising; splits are drawn apart from each other."""
        if self._is_whole(split):
            return np.arange(self._whole.size(split))
        draw = np.random.default_rng((self._seed, len(split)))
        return np.sort(draw.permutation(self._whole.size(split))[: self._most])

    def _of_whole(self, split: str, indices: Sequence[int]) -> Sequence[int]:
        return indices if self._is_whole(split) else self.places(split)[list(indices)].tolist()


def limited_dataset(dataset: Dataset, split: str, most: int) -> DatasetSubset:
    """At most `most` images of one split; for val and test those that `Zoo.limited` evaluates on."""
    return DatasetSubset(dataset, most, splits=EVALUATED if split in EVALUATED else (split,))


def origin(dataset: Dataset, split: str) -> np.ndarray:
    """Places of a dataset's images in the split that they were drawn from, (image,)."""
    return dataset.places(split) if isinstance(dataset, DatasetSubset) else np.arange(dataset.size(split))
