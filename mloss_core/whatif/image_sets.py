"""The images that answers are counted on: a whole split, or the same few of each task every time."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from torch import Tensor

from mloss_core.caching import digest_of
from mloss_core.data.manifests import split_manifests
from mloss_core.outputs.encoders import dataset_of, head_of
from mloss_core.outputs.encoding import batch_size, features_of_many
from mloss_core.outputs.ensembles import logits
from mloss_core.outputs.images import STORE
from mloss_core.types import Json
from mloss_core.zoo.model import Zoo


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """Images of some tasks, with what does not depend on the merge.

    Args:
        zoo: with datasets that hold these images alone.
        split: `val` or `test`.
        tasks: whose images.
        key: digest that tells sets apart.
        labels: class of each image by task, int64 (image,).
        expert: top class of each task's own fine-tuned encoder, (image,) by task.
        individual: accuracy of that encoder.
    """

    zoo: Zoo
    split: str
    tasks: tuple[str, ...]
    key: str
    labels: Mapping[str, Tensor]
    expert: Mapping[str, Tensor]
    individual: Mapping[str, float]

    @property
    def count(self) -> int:
        """Images of all tasks."""
        return sum(len(labels) for labels in self.labels.values())

    def batches(self, task: str) -> list[Tensor]:
        """The task's images in the batches of `mloss_core.outputs.encoding`, so that features are the same."""
        dataset = self.zoo.datasets[task]
        return list(STORE.batches(dataset, self.split, batch_size(self.zoo, dataset.size(self.split))))

    def manifests(self) -> dict[str, dict[str, Json]]:
        """Which images these are, as results carry it."""
        return split_manifests(self.zoo.datasets, self.tasks, self.split)


def image_set(zoo: Zoo, split: str, tasks: tuple[str, ...], most: int | None) -> ImageSet:
    """The images of a split, at most so many of each task, drawn at random once.

    Raises:
        ZooError: a task without images or head.
        DatasetError: no such split, or an empty one.
    """
    zoo.require_datasets(tasks, "accuracies need")
    zoo.require_heads(tasks)
    few = zoo.limited(most)
    labels, expert, individual = {}, {}, {}
    for task in tasks:
        labels[task] = dataset_of(few, task, split).labels(split)
        [found] = features_of_many(few, [few.finetuned[task]], task, split)
        expert[task] = logits(found, head_of(few, task)).argmax(dim=1)
        individual[task] = float(np.mean(expert[task].eq(labels[task]).numpy()))
    key = digest_of(split, [few.datasets[task].digest for task in tasks])
    return ImageSet(few, split, tasks, key, labels, expert, individual)
