"""Labelled images in folders, one folder a class, as torchvision's `ImageFolder` reads them."""

import functools
import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError
from torch import Tensor

from mloss_core.caching import digest_of
from mloss_core.data.datasets import check_split, normalise
from mloss_core.errors import DatasetError
from mloss_core.vision import Architecture

SPLIT_NAMES = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
"""What the folder of a split may be called, in any case."""
VAL_SHARE, VAL_MOST, VAL_SEED = 0.1, 5000, 0
"""Without a folder for validation, this share of the training images is set apart, at most so many, seeded."""
TEMPLATES = ("a photo of a {}.",)
Samples = tuple[tuple[Path, int], ...]


class ImageFolderDataset:
    """`train`, `val` and `test` folders below one folder, each with a folder of images for every class.

    Args:
        name: of the task.
        root: the folder.
        architecture: of the encoder: side and normalisation of its images.

    Raises:
        DatasetError: no train folder, splits of other classes, or a class without images.
    """

    templates = TEMPLATES

    def __init__(self, name: str, root: Path, architecture: Architecture) -> None:
        self.name, self.root, self._shape = name, root, architecture
        folders = {split: _named(root, names) for split, names in SPLIT_NAMES.items()}
        train = folders["train"]
        if train is None:
            raise DatasetError(f"{root} must hold a folder train with a folder of images for each class; found none.")
        folder_names, samples = _samples(train)
        self.classes = tuple(word.replace("_", " ") for word in folder_names)
        self._splits: dict[str, Samples] = {"train": samples}
        for split in ("val", "test"):
            folder = folders[split]
            if folder is not None:
                found, self._splits[split] = _samples(folder)
                if found != folder_names:
                    raise DatasetError(_other_classes(root, split, folder_names, found))
        self.notes: tuple[str, ...] = ()
        if "val" not in self._splits:
            self._set_validation_apart()

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over names and sizes of all files by split, and over how images are prepared."""
        listing = hashlib.sha256()
        for split, samples in sorted(self._splits.items()):
            for path, label in samples:
                listing.update(f"{split}/{label}/{path.relative_to(self.root)}/{path.stat().st_size}\n".encode())
        shape = self._shape
        return digest_of(self.name, self.classes, listing.hexdigest(), shape.image_size, shape.mean, shape.std)

    def size(self, split: str) -> int:
        """Number of images; 0 for a split that the folder lacks."""
        return len(self._splits.get(check_split(split), ()))

    def labels(self, split: str) -> Tensor:
        """Class index of every image, int64 (image,)."""
        return torch.tensor([label for _, label in self._splits.get(check_split(split), ())], dtype=torch.int64)

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
        samples = self._splits.get(check_split(split), ())
        wrong = [index for index in indices if not 0 <= index < len(samples)]
        if wrong:
            raise DatasetError(f"{self.name} has images 0 to {len(samples) - 1} in {split}; found {wrong[0]}.")
        return [_opened(samples[index][0]) for index in indices]

    def _set_validation_apart(self) -> None:
        samples = self._splits["train"]
        count = min(VAL_MOST, max(1, int(VAL_SHARE * len(samples))))
        order = np.random.default_rng(VAL_SEED).permutation(len(samples))
        kept, apart = sorted(order[count:].tolist()), sorted(order[:count].tolist())
        self._splits["train"] = tuple(samples[index] for index in kept)
        self._splits["val"] = tuple(samples[index] for index in apart)
        self.notes = (
            f"{self.name}: {self.root} has no folder for validation; {count} of {len(samples)} training images, drawn "
            f"with seed {VAL_SEED}, serve for it. Fine-tuning may have seen them.",
        )


def _named(root: Path, names: Sequence[str]) -> Path | None:
    return next((path for path in sorted(root.iterdir()) if path.is_dir() and path.name.lower() in names), None)


def _samples(folder: Path) -> tuple[list[str], Samples]:
    """Class folders in torchvision's order, and the images with their labels."""
    from torchvision.datasets.folder import IMG_EXTENSIONS, find_classes, make_dataset

    try:
        names, index = find_classes(str(folder))
        found = make_dataset(str(folder), index, extensions=IMG_EXTENSIONS)
    except FileNotFoundError as error:
        raise DatasetError(f"every class folder of {folder} must hold images: {error}.") from error
    return names, tuple((Path(path), label) for path, label in found)


def _other_classes(root: Path, split: str, expected: list[str], found: list[str]) -> str:
    odd = sorted(set(expected) ^ set(found))
    return f"train and {split} of {root} must have the same class folders; {', '.join(odd[:5])} are in one alone."


def _opened(path: Path) -> Image.Image:
    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise DatasetError(f"{path} must be an image that Pillow can read: {error}. Replace or remove it.") from error


def _cropped(image: Image.Image, side: int) -> np.ndarray:
    """CLIP's validation transform before normalisation: short side to `side`, bicubic, then the middle."""
    from torchvision.transforms.functional import InterpolationMode, center_crop, resize

    return np.asarray(center_crop(resize(image, side, InterpolationMode.BICUBIC), side))
