"""The datasets of a zoo on disk: where they are looked for, and what is said when they are not there."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from mloss_core.data.datasets import Dataset
from mloss_core.errors import DatasetError
from mloss_core.vision.architecture import Architecture
from mloss_core.zoo.folders.description import DATA_VARIABLE as VARIABLE


def datasets_root(given: "str | Path | None" = None) -> Path:
    """The folder of datasets: the given one, else `$MLOSS_DATA`.

    Raises:
        DatasetError: neither, or no such folder.
    """
    text = given or os.environ.get(VARIABLE)
    if not text:
        raise DatasetError(f"images are looked for in a folder of datasets, and none was given: set {VARIABLE}.")
    if not Path(text).is_dir():
        raise DatasetError(f"{'the folder of datasets' if given else VARIABLE} must be a folder; {text} is none.")
    return Path(text)


def datasets_of(
    tasks: Sequence[str], named: Path | None, architecture: Architecture
) -> tuple[Mapping[str, Dataset], tuple[str, ...], str]:
    """The datasets of the tasks, from the folder that `zoo.json` names, else from `$MLOSS_DATA`.

    Args:
        tasks: names of the tasks.
        named: folder that the zoo names, if it does.
        architecture: of the encoders; images come as they want them.

    Returns:
        Datasets by task, those that were found; notes; and where they were looked for, for messages.
    """
    variable = os.environ.get(VARIABLE)
    root = named or (Path(variable) if variable else None)
    if root is None:
        return {}, (), f'no folder of datasets was given: set {VARIABLE}, or name one as "datasets" in zoo.json'
    source = "zoo.json" if named else VARIABLE
    if not root.is_dir():
        return {}, (f"{source} names {root} as the folder of datasets; there is none.",), f"{root} does not exist"
    from mloss_core.data.on_disk import open_datasets

    found, notes = open_datasets(tuple(tasks), root, architecture)
    return found, tuple(notes), f"looked in {root}, which {source} names"
