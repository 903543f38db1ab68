"""Labelled images in folders, one folder a class, as torchvision's `ImageFolder` reads them."""

from collections.abc import Sequence
from pathlib import Path

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
        folder_names, pictures = class_folders(train, root)
        splits: dict[str, Pictures] = {"train": pictures}
        for split in ("val", "test"):
            folder = folders[split]
            if folder is not None:
                found, splits[split] = class_folders(folder, root)
                if found != folder_names:
                    raise DatasetError(_other_classes(root, split, folder_names, found))
        notes: tuple[str, ...] = ()
        rule = "folders"
        if "val" not in splits:
            splits["train"], splits["val"] = held_out(pictures)
            notes = (_set_apart(name, root, len(splits["val"].labels), len(pictures.labels)),)
            rule = f"folders; {HELD_OUT}"
        words = classes or tuple(word.replace("_", " ") for word in folder_names)
        super().__init__(name, words, templates, splits, architecture, notes, rule)


def split_folder(root: Path, split: str) -> Path | None:
    """The folder of a split, by any of its names."""
    names = SPLIT_NAMES[split]
    found = [path for path in sorted(root.iterdir()) if path.is_dir() and path.name.lower() in names]
    return found[0] if found else None


def class_folders(folder: Path, root: Path) -> tuple[list[str], PictureFiles]:
    """Class folders in torchvision's order, and the images with their labels. Hidden files and folders are passed over.

    Raises:
        DatasetError: no class folder, or one without images.
    """
    from torchvision.datasets.folder import find_classes, make_dataset

    try:
        # What editors and file managers leave (.ipynb_checkpoints, ._1.png, __MACOSX) is no class and no image.
        names = [name for name in find_classes(str(folder))[0] if not name.startswith((".", "__MACOSX"))]
        index = {name: label for label, name in enumerate(names)}
        found = make_dataset(str(folder), index, is_valid_file=is_image, allow_empty=True)
    except FileNotFoundError as error:
        raise DatasetError(f"{folder} must hold a folder of images for each class; it holds no folder.") from error
    empty = sorted(set(names) - {names[label] for _, label in found})
    if empty or not names:
        listed = ", ".join(empty[:5]) or "it"
        raise DatasetError(f"every class folder of {folder} must hold images; {listed} holds none.")
    return names, PictureFiles([Path(path) for path, _ in found], [label for _, label in found], root)


def is_image(path: "str | Path") -> bool:
    """Whether a file's name is that of an image, and not of a hidden file."""
    from torchvision.datasets.folder import IMG_EXTENSIONS

    return str(path).lower().endswith(IMG_EXTENSIONS) and not Path(path).name.startswith(".")


def _set_apart(name: str, root: Path, held: int, count: int) -> str:
    return (
        f"{name}: {root} has no folder for validation; {held} of {count} training images, drawn with seed 0, serve "
        "for it. Fine-tuning may have seen them."
    )


def _other_classes(root: Path, split: str, expected: list[str], found: list[str]) -> str:
    odd = sorted(set(expected) ^ set(found))
    return f"train and {split} of {root} must have the same class folders; {', '.join(odd[:5])} are in one alone."
