"""A labelled dataset of images in named splits, prepared as the encoder wants them."""

import functools
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mloss_core.caching import digest_of
from mloss_core.data.datasets import check_split, normalise
from mloss_core.data.file_contents import content_digest
from mloss_core.data.hidden_labels import Labelled
from mloss_core.data.pictures import Pictures
from mloss_core.errors import DatasetError
from mloss_core.vision.architecture import Architecture


class SplitDataset:
    """Images of one task on disk, each opened when it is asked for.

    Args:
        name: of the task.
        classes: names in label order.
        templates: sentences with one `{}` each.
        splits: images of `train`, `val` and `test`; a missing one is empty.
        architecture: of the encoder: side and normalisation of its images.
        notes: what the user should know about this dataset.
        rule: how the splits were made, in words.
        hidden: which splits have no labels, or lost images for want of them.
    """

    def __init__(
        self,
        name: str,
        classes: Sequence[str],
        templates: Sequence[str],
        splits: Mapping[str, Pictures],
        architecture: Architecture,
        notes: Sequence[str] = (),
        rule: str = "",
        hidden: Labelled | None = None,
    ) -> None:
        self.name, self.classes, self.templates = name, tuple(classes), tuple(templates)
        self.notes, self.rule = tuple(notes), rule
        self.left_out = hidden.left_out if hidden else {}
        self._splits, self._shape, self._secret = dict(splits), architecture, hidden.secret if hidden else {}

    @property
    def hidden(self) -> tuple[str, ...]:
        """Splits whose labels are all kept secret."""
        return tuple(self._secret)

    @functools.cached_property
    def manifest(self) -> dict[str, Any]:
        """The splits as data: how they were made, number of images and SHA-256 of the list of each."""
        return {
            "rule": self.rule,
            "classes": digest_of(list(self.classes)),
            "splits": {
                split: {"images": len(pictures.labels), "sha256": _listed(pictures)}
                for split, pictures in sorted(self._splits.items())
            },
        }

    @functools.cached_property
    def listing(self) -> str:
        """SHA-256 over names and sizes of all files by split, and over how images are prepared."""
        shape = self._shape
        return digest_of(self.name, self.classes, self.manifest, shape.image_size, shape.mean, shape.std)

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over `listing` and what the files hold; see `content_digest`."""
        files = [path for _, pictures in sorted(self._splits.items()) for path in pictures.files()]
        return digest_of(self.listing, content_digest(list(dict.fromkeys(files))))

    def has_deep_images(self) -> bool:
        """Whether some images, of which a few are looked at, have more than 8 bits a value."""
        return any(pictures.deep() for pictures in self._splits.values())

    def size(self, split: str) -> int:
        """Number of images; 0 for a split that the dataset lacks."""
        check_split(split)
        return len(self._splits[split].labels) if split in self._splits else 0

    def labels(self, split: str) -> Tensor:
        """Class index of every image, int64 (image,).

        Raises:
            DatasetError: no such split, or one whose labels are hidden.
        """
        if check_split(split) in self._secret:
            raise DatasetError(f"{self._secret[split]}; choose another split or leave {self.name} out.")
        return torch.tensor(self._splits[split].labels if split in self._splits else (), dtype=torch.int64)

    def image_name(self, split: str, index: int) -> str:
        """What one image is called: its file below the dataset's folder, or its place in a file."""
        return self._splits[check_split(split)].name(index)

    def pixels(self, split: str, indices: Sequence[int]) -> np.ndarray:
        """Chosen images as the encoder sees them, before normalisation: uint8 (image, side, side, 3)."""
        return np.stack([_cropped(image, self._shape.image_size) for image in self._opened(split, indices)])

    def images(self, split: str, indices: Sequence[int], preprocess: str = "model") -> Tensor:
        """Chosen images for the encoder, float32 (image, 3, side, side); see `Dataset.images`."""
        if preprocess == "model":
            return normalise(self.pixels(split, indices), self._shape.mean, self._shape.std)
        side = (self._shape.image_size, self._shape.image_size)
        stretched = [
            np.asarray(image.resize(side, Image.Resampling.BILINEAR)) for image in self._opened(split, indices)
        ]
        return normalise(np.stack(stretched), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))

    def _opened(self, split: str, indices: Sequence[int]) -> list[Image.Image]:
        count = self.size(split)
        wrong = [index for index in indices if not 0 <= index < count]
        if wrong:
            raise DatasetError(f"{self.name} has images 0 to {count - 1} in {split}; found {wrong[0]}.")
        return [self._splits[split].open(index) for index in indices]


def _listed(pictures: Pictures) -> str:
    listing = hashlib.sha256()
    for line in pictures.lines():
        listing.update(f"{line}\n".encode())
    return listing.hexdigest()


def _cropped(image: Image.Image, side: int) -> np.ndarray:
    """CLIP's validation transform before normalisation: short side to `side`, bicubic, then the middle."""
    from torchvision.transforms.functional import InterpolationMode, center_crop, resize

    return np.asarray(center_crop(resize(image, side, InterpolationMode.BICUBIC), side))
