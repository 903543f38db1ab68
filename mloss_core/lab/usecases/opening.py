"""What a zoo holds. Opening it, which may convert its files, is the work; its report of faults is the failure."""

from collections.abc import Mapping
from typing import Any

from mloss_core.data.datasets import check_split
from mloss_core.errors import DatasetError, InvalidOptionError
from mloss_core.lab.payloads import Payload
from mloss_core.types import Progress
from mloss_core.zoo.model import Zoo
from mloss_core.zoo.summary import zoo_summary

MOST = 64


def summarise(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The summary of the zoo, and the figures that were recorded when it was made, if they were."""
    recorded = dict(zoo.card) if "accuracy" in zoo.card else None
    return Payload({**zoo_summary(zoo), "card": recorded})


def draw_samples(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """Pixels and labels of the chosen images."""
    task, indices = params["task"], params["indices"]
    zoo.check_tasks((task,))
    zoo.require_datasets((task,), "samples need")
    if not 1 <= len(indices) <= MOST:
        raise InvalidOptionError(f"indices must be 1 to {MOST} whole numbers; found {len(indices)}.")
    split, dataset = check_split(params["split"]), zoo.datasets[task]
    outside = [index for index in indices if not 0 <= index < dataset.size(split)]
    if outside:
        raise DatasetError(
            f"the {split} split of {task} has images 0 to {dataset.size(split) - 1}; found {outside[0]}."
        )
    pixels = dataset.pixels(split, indices)
    labels = dataset.labels(split)[indices].tolist()
    names = [dataset.classes[label] for label in labels]
    return Payload({"task": task, "split": split, "classes": names}, {"pixels": pixels})
