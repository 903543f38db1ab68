"""Labelled images in folders, one folder a class, as torchvision's `ImageFolder` reads them."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from mloss_core.data.image_paths import images_below, is_image, numbered_notes, passed_over, visible
from mloss_core.data.pictures import PictureFiles, Pictures, held_out
from mloss_core.data.split_dataset import SplitDataset
from mloss_core.errors import DatasetError
from mloss_core.vision.architecture import Architecture

SPLIT_NAMES = {"train": ("train", "training"), "val": ("val", "valid", "validation"), "test": ("test", "testing")}
"""What the folder of a split may be called, in any case."""
TEMPLATES = ("a photo of a {}.",)
HELD_OUT = "a tenth of the training images, at most 5000, drawn with seed 0, is held out for validation"


class ImageFolderDataset(SplitDataset):
    """`train`, `val` and `test` folders below one folder, each with a folder of images for every class.

    Args:
        name: of the task.
        root: the folder.
        architecture: of the encoder: side and normalisation of its images.
        classes: names in the folders' sorted order, where they are known better than by the folders.
        templates: sentences for a zero-shot head.

    Raises:
        DatasetError: no train folder, splits of other classes, or a class without images.
    """

    def __init__(
        self,
        name: str,
        root: Path,
        architecture: Architecture,
        classes: Sequence[str] | None = None,
        templates: Sequence[str] = TEMPLATES,
    ) -> None:
        folders = {split: split_folder(root, split) for split in SPLIT_NAMES}
        train = folders["train"]
        if train is None:
            raise DatasetError(f"{root} must hold a folder train with a folder of images for each class; found none.")
        first = class_folders(train, root)
        splits: dict[str, Pictures] = {"train": first.pictures}
        notes = [*numbered_notes(first.names, train), *first.notes]
        for split in ("val", "test"):
            folder = folders[split]
            if folder is not None:
                found = class_folders(folder, root)
                splits[split] = found.pictures
                notes += found.notes
                if found.names != first.names:
                    raise DatasetError(_other_classes(root, split, first.names, found.names))
        rule = "folders"
        if "val" not in splits:
            splits["train"], splits["val"] = held_out(first.pictures)
            notes.append(_set_apart(root, len(splits["val"].labels), len(first.pictures.labels)))
            rule = f"folders; {HELD_OUT}"
        words = classes or tuple(word.replace("_", " ") for word in first.names)
        said = [f"{name}: {note}" for note in notes]
        super().__init__(name, words, templates, splits, architecture, said, rule)


def split_folder(root: Path, split: str) -> Path | None:
    """The folder of a split, by any of its names."""
    names = SPLIT_NAMES[split]
    found = [path for path in sorted(root.iterdir()) if path.is_dir() and path.name.lower() in names]
    return found[0] if found else None


class ClassFolders(NamedTuple):
    """Names of class folders in label order, their images, and what was passed over."""

    names: list[str]
    pictures: PictureFiles
    notes: tuple[str, ...]


def class_folders(folder: Path, root: Path) -> ClassFolders:
    """Class folders in torchvision's order, and the images with their labels. Hidden files and folders are passed over.

    Raises:
        DatasetError: no class folder, or one without images.
    """
    # What editors and file managers leave (.ipynb_checkpoints, ._1.png, __MACOSX) is no class and no image.
    names = sorted(path.name for path in folder.iterdir() if path.is_dir() and visible(path.name))
    if not names:
        raise DatasetError(f"{folder} must hold a folder of images for each class; it holds no folder.")
    found = [images_below(folder / name) for name in names]
    empty = [name for name, images in zip(names, found, strict=True) if not images.paths]
    if empty:
        listed = ", ".join(empty[:5])
        raise DatasetError(f"every class folder of {folder} must hold images; {listed} holds none.")
    paths = [path for images in found for path in images.paths]
    labels = [label for label, images in enumerate(found) for _ in images.paths]
    loose = [path for path in sorted(folder.iterdir()) if is_image(path) and not path.is_dir()]
    notes = passed_over([*loose, *(path for images in found for path in images.passed_over)], root)
    return ClassFolders(names, PictureFiles(paths, labels, root), notes)


def _set_apart(root: Path, held: int, count: int) -> str:
    return (
        f"{root} has no folder for validation; {held} of {count} training images, drawn with seed 0, serve "
        "for it. Fine-tuning may have seen them."
    )


def _other_classes(root: Path, split: str, expected: list[str], found: list[str]) -> str:
    odd = sorted(set(expected) ^ set(found))
    return f"train and {split} of {root} must have the same class folders; {', '.join(odd[:5])} are in one alone."
