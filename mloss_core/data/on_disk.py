"""Datasets of tasks, found by name below one folder. Nothing is ever downloaded."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from mloss_core.data.image_folders import ImageFolderDataset
from mloss_core.errors import DatasetError
from mloss_core.vision import Architecture


def open_datasets(
    names: Sequence[str], root: Path, architecture: Architecture
) -> tuple[Mapping[str, ImageFolderDataset], tuple[str, ...]]:
    """The datasets that lie below a folder, each in a folder of its task's name, in any case.

    Args:
        names: of the tasks.
        root: the folder of datasets.
        architecture: of the encoder whose images they give.

    Returns:
        Datasets by task, those that were found; and notes: what is missing or broken, and how splits were made.
    """
    folders = {path.name.lower(): path for path in sorted(root.iterdir()) if path.is_dir()}
    found: dict[str, ImageFolderDataset] = {}
    notes: list[str] = []
    for name in names:
        folder = folders.get(name.lower())
        if folder is None:
            notes.append(f"no dataset of {name}: {root} holds no folder {name}.")
            continue
        try:
            found[name] = ImageFolderDataset(name, folder, architecture)
        except (DatasetError, OSError) as error:
            notes.append(f"no dataset of {name}: {error}")
            continue
        notes += found[name].notes
        if not found[name].size("test"):
            notes.append(f"{name}: {folder} has no folder test; accuracy can be measured on val alone.")
    return found, tuple(notes)
