"""Datasets of tasks, found by name below one folder, in whatever form they lie there. Nothing is ever downloaded."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from mloss_core.data.field.catalogue import FieldTask, field_task
from mloss_core.data.field.places import first_of, folders_of, named
from mloss_core.data.field.reading import read_field_task
from mloss_core.data.foreign_files import reading
from mloss_core.data.image_folders import ImageFolderDataset, split_folder
from mloss_core.data.image_paths import images_below, is_image, visible
from mloss_core.data.parquet_files import has_parquet_files
from mloss_core.data.parquet_folders import read_parquet_folder
from mloss_core.data.split_dataset import SplitDataset
from mloss_core.data.unlabelled import UnlabelledDataset
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
        try:
            # One dataset that cannot be read, whatever is wrong with it, must not keep the others from opening.
            with reading(root, f"hold a dataset of {name} that can be read", "Replace or remove it."):
                folder, said = _folder(root, name, task)
                found[name] = open_dataset(name, folder, architecture, task)
                notes += [*said, *found[name].notes, *_depth(name, found[name])]
        except DatasetError as error:
            notes.append(f"no dataset of {name}: {error}")
            continue
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
    parquet = has_parquet_files(folder)
    if _has_class_folders(folder) and not _has_own_folders(folder, task):
        data = _labelled(ImageFolderDataset, name, folder, architecture, task)
        if parquet:
            data.notes = (*data.notes, f"{name}: the parquet files of {folder} are not read; its class folders are.")
        return data
    if parquet:
        return _labelled(read_parquet_folder, name, folder, architecture, task)
    if task is not None and not _only_images(folder):
        return read_field_task(task, name, folder, architecture)
    if images_below(folder).paths:
        return UnlabelledDataset(name, folder, architecture)
    raise DatasetError(
        f"{folder} must hold a folder train with a folder of images for each class; found none{_other_forms(folder)}."
    )


_OWN_FOLDERS = ("eurosat", "renderedsst2")
"""Tasks of the field whose own files are `train/<class>`: their reader knows the order of the classes."""
_PACKED = (".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar", ".zst")
_UNREAD = (".arrow", ".h5", ".hdf5", ".npz", ".npy", ".tfrecord", ".lmdb", ".parquet")
_LISTED = 3


def _folder(root: Path, name: str, task: FieldTask | None) -> tuple[Path, tuple[str, ...]]:
    """The folder of a task, with a word where several go by its name.

    Raises:
        DatasetError: none does.
    """
    names = _names(name, task)
    found = folders_of(root, names)
    if not found:
        packed = [path.name for path in sorted(root.iterdir()) if path.is_file() and named(_stem(path), names)]
        hint = f" It holds {', '.join(packed[:_LISTED])}: unpack it into such a folder." if packed else ""
        raise DatasetError(f"{root} holds no folder {name}.{hint}")
    if len(found) == 1:
        return found[0], ()
    others = ", ".join(path.name for path in found[1 : 1 + _LISTED])
    return found[0], (f"{name}: {root} holds several folders of that name; {found[0].name} is read, {others} is not.",)


def _stem(path: Path) -> str:
    return path.name.partition(".")[0] if path.suffix.lower() in (*_PACKED, *_UNREAD) else ""


def _other_forms(folder: Path) -> str:
    """What lies in a folder that might be a dataset, but in a form that is not read."""
    found = [path.name for path in sorted(folder.iterdir()) if path.suffix.lower() in (*_PACKED, *_UNREAD)]
    return f". What is there is not read: {', '.join(found[:_LISTED])}; unpack or convert it" if found else ""


def _depth(name: str, data: SplitDataset) -> tuple[str, ...]:
    if not data.has_deep_images():
        return ()
    return (
        f"{name}: images of more than 8 bits are scaled to 8: 16-bit values divided by 257, floats up to 1 multiplied "
        "by 255.",
    )


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


def _only_images(folder: Path) -> bool:
    """Whether images lie side by side and nothing else is there that could tell their classes."""
    found = [path for path in folder.iterdir() if visible(path.name)]
    return bool(found) and all(is_image(path) and path.is_file() for path in found)


def _has_own_folders(folder: Path, task: FieldTask | None) -> bool:
    """Whether folders that look like classes are files of the field's, whose reader knows better."""
    if task is None:
        return False
    kaggle = task.reader == "gtsrb" and first_of(folder, ["Train.csv", "*/Train.csv"]) is not None
    return kaggle or task.reader in _OWN_FOLDERS


def _has_class_folders(folder: Path) -> bool:
    train = split_folder(folder, "train")
    return train is not None and any(path.is_dir() for path in train.iterdir())
