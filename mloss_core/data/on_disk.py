"""Datasets of tasks, found by name below one folder, in whatever form they lie there. Nothing is ever downloaded."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mloss_core.data.field.catalogue import FieldTask, field_task
from mloss_core.data.field.places import folder_of
from mloss_core.data.field.reading import read_field_task
from mloss_core.data.image_folders import ImageFolderDataset, split_folder
from mloss_core.data.parquet_folders import parquet_files, read_parquet_folder
from mloss_core.data.split_dataset import SplitDataset
from mloss_core.data.unlabelled import UnlabelledDataset, image_paths
from mloss_core.errors import DatasetError
from mloss_core.vision.architecture import Architecture


def open_datasets(
    names: Sequence[str], root: Path, architecture: Architecture
) -> tuple[Mapping[str, SplitDataset], tuple[str, ...]]:
    """The datasets that lie below a folder.

    A task's folder goes by the task's name, or by another name of one of the field's datasets, in any case. In it lie
    `train/<class>` and `test/<class>`, the usual files of one of the field's datasets, parquet files, or just images.

    Args:
        names: of the tasks.
        root: the folder of datasets.
        architecture: of the encoder whose images they give.

    Returns:
        Datasets by task, those that were found; and notes: what is missing or broken, and how splits were made.
    """
    found: dict[str, SplitDataset] = {}
    notes: list[str] = []
    for name in names:
        task = field_task(name)
        folder = folder_of(root, _names(name, task))
        if folder is None:
            notes.append(f"no dataset of {name}: {root} holds no folder {name}.")
            continue
        try:
            found[name] = open_dataset(name, folder, architecture, task)
        except (DatasetError, OSError) as error:
            notes.append(f"no dataset of {name}: {error}")
            continue
        notes += found[name].notes
        if not found[name].size("test") and found[name].classes:
            notes.append(f"{name}: {folder} has no folder test; accuracy can be measured on val alone.")
    return found, tuple(notes)


def open_dataset(name: str, folder: Path, architecture: Architecture, task: FieldTask | None = None) -> SplitDataset:
    """The dataset of one folder, in the first of the known forms that fits.

    Args:
        name: of the task.
        folder: where it lies.
        architecture: of the encoder whose images it gives.
        task: of the field's catalogue, if it is one of those.

    Raises:
        DatasetError: no known form, or one that is damaged.
    """
    if _has_class_folders(folder) and not (task and task.reader in _OWN_FOLDERS):
        return _labelled(ImageFolderDataset, name, folder, architecture, task)
    if parquet_files(folder):
        return _labelled(read_parquet_folder, name, folder, architecture, task)
    if task is not None:
        return read_field_task(task, name, folder, architecture)
    if _has_images(folder):
        return UnlabelledDataset(name, folder, architecture)
    raise DatasetError(f"{folder} must hold a folder train with a folder of images for each class; found none.")


_OWN_FOLDERS = ("eurosat", "renderedsst2")
"""Tasks of the field whose own files are `train/<class>`: their reader knows the order of the classes."""


def _labelled(
    read: Callable[..., SplitDataset], name: str, folder: Path, architecture: Architecture, task: FieldTask | None
) -> SplitDataset:
    """A labelled dataset under the catalogue's wording where its classes are known to be those, else under its own."""
    own = read(name, folder, architecture)
    if task is None or len(own.classes) != len(task.classes):
        return own
    if own.classes in (task.classes, _readable(task)):
        return read(name, folder, architecture, task.classes, task.templates)
    own.notes = (
        *own.notes,
        f"{name}: classes are in the order of {folder}, whose names are not those of {task.title}'s usual "
        "files; a head from elsewhere may have another order.",
    )
    own.templates = task.templates
    return own


def _readable(task: FieldTask) -> tuple[str, ...]:
    """The catalogue's folders as an image folder shows them, where their sorted order is the labels'."""
    folders = task.folder_classes or ()
    return tuple(name.replace("_", " ") for name in folders) if list(folders) == sorted(folders) else ()


def _names(name: str, task: FieldTask | None) -> tuple[str, ...]:
    plain = "".join(letter for letter in name.lower() if letter not in "-_ ")
    return (plain,) if task is None else (plain, task.name, *task.aliases)


def _has_class_folders(folder: Path) -> bool:
    train = split_folder(folder, "train")
    return train is not None and any(path.is_dir() for path in train.iterdir())


def _has_images(folder: Path) -> bool:
    return bool(image_paths(folder))
