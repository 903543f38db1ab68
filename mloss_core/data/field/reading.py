"""A task of the field from its files on disk. Nothing is downloaded."""

from pathlib import Path

from mloss_core.data.field import array_files, image_files
from mloss_core.data.field.catalogue import FieldTask
from mloss_core.data.hidden_labels import without_hidden
from mloss_core.data.image_folders import HELD_OUT
from mloss_core.data.pictures import held_out
from mloss_core.data.split_dataset import SplitDataset
from mloss_core.errors import DatasetError
from mloss_core.vision.architecture import Architecture


def read_field_task(task: FieldTask, name: str, folder: Path, architecture: Architecture) -> SplitDataset:
    """The dataset, its training images split once more for validation by the field's rule.

    Args:
        task: of the catalogue.
        name: what the zoo calls it.
        folder: of the dataset.
        architecture: of the encoder whose images it gives.

    Raises:
        DatasetError: files are missing or damaged, labels are none of the classes, or nothing here reads this task.
    """
    if task.reader in array_files.READERS:
        parts = array_files.READERS[task.reader](folder)
    elif task.reader in image_files.READERS:
        parts = image_files.READERS[task.reader](folder, task)
    else:
        raise DatasetError(
            f"{task.title} is read from image folders (train/<class>) or parquet files; {folder} has neither."
        )
    sizes = [len(parts[split].labels) for split in ("train", "test")]
    hidden = without_hidden(name, parts if task.reader in array_files.MAY_HIDE else {})
    parts |= hidden.splits
    for split, pictures in parts.items():
        if split in hidden.secret:
            continue
        wrong = {label for label in pictures.labels if not 0 <= label < len(task.classes)}
        if wrong or not pictures.labels:
            found = f"label {min(wrong)}" if wrong else "no image"
            raise DatasetError(
                f"{folder}: {task.title} has labels 0 to {len(task.classes) - 1} and images in every split; found "
                f"{found} in {split}."
            )
    if "train" not in hidden.secret:
        parts["train"], parts["val"] = held_out(parts["train"])
    said = (*task.notes, *_counts(task, *sizes))
    notes = [*(f"{name}: {note}" for note in said), *hidden.notes]
    rule = f"files of {task.title}; {HELD_OUT}"
    return SplitDataset(name, task.classes, task.templates, parts, architecture, notes, rule, hidden)


def _counts(task: FieldTask, *found: int) -> list[str]:
    """What is said of a dataset that is not whole."""
    usual = (task.train, task.test)
    if None in usual or found == usual:
        return []
    return [f"{found[0]} training and {found[1]} test images are here; usual are {usual[0]} and {usual[1]}."]
