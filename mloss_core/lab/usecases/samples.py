"""A few images of a task, to look at."""

from collections.abc import Mapping
from typing import Any

from mloss_core.data.datasets import check_split
from mloss_core.errors import DatasetError, InvalidOptionError
from mloss_core.lab.kinds import Payload
from mloss_core.types import Progress
from mloss_core.zoo import Zoo

MOST = 64


def run(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
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
