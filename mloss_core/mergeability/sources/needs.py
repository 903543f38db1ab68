"""What a source of facts needs of a task beside its model, and what to say where it is not there."""

from mloss_core.data.datasets import Dataset
from mloss_core.errors import DatasetError
from mloss_core.zoo.model import Zoo

IMAGES = "images"
"""At least one training image."""
CALIBRATION = "calibration"
"""As many training images as a calibration draw takes."""
HEAD = "head"
TRAINING_LABELS = "train"
VALIDATION_LABELS = "val"


def lacking(zoo: Zoo, task: str, needs: frozenset[str], samples: int = 1) -> str | None:
    """Why facts with these needs do not exist for a task of the zoo; None where all is there.

    Args:
        needs: `IMAGES`, `CALIBRATION`, `HEAD`, `TRAINING_LABELS`, `VALIDATION_LABELS`.
        samples: images of a calibration draw.
    """
    dataset = zoo.datasets.get(task)
    if needs - {HEAD} and dataset is None:
        return f"the zoo has no images of {task}"
    if dataset is not None and (few := _too_few(dataset, needs, samples)) is not None:
        return f"{task} has {few}"
    if HEAD in needs and task not in zoo.heads:
        return f"the zoo has no zero-shot head for {task}"
    for split in sorted(needs & {TRAINING_LABELS, VALIDATION_LABELS}):
        if dataset is not None and not _labelled(dataset, split):
            return f"the {split} images of {task} have no labels, or there are none"
    return None


def _too_few(dataset: Dataset, needs: frozenset[str], samples: int) -> str | None:
    wanted = samples if CALIBRATION in needs else 1
    if not needs & {IMAGES, CALIBRATION} or (count := dataset.size("train")) >= wanted:
        return None
    return "no training images" if not count else f"{count} training images where {wanted} are drawn"


def _labelled(dataset: Dataset, split: str) -> bool:
    try:
        return len(dataset.labels(split)) > 0
    except DatasetError:
        return False
