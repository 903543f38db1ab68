"""The images that models are judged on: a whole split, or the same few of each task every time."""

import dataclasses
import functools
from collections.abc import Mapping

import numpy as np
from torch import Tensor

from mloss_core.caching import digest_of
from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.criteria import Criterion, Judge
from mloss_core.evaluation.criteria.rules import Answers, expert_agreement
from mloss_core.outputs.encoders import head_of
from mloss_core.outputs.encoding import Images, batch_size, features_of_many, images_of_split
from mloss_core.outputs.ensembles import ensemble_logits, logits
from mloss_core.types import Progress, StateDict, part, silent
from mloss_core.zoo.model import Zoo

AGREEMENT = "expert_agreement"


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """Images of some tasks, with what does not depend on the merge.

    Args:
        zoo: whose encoders these are.
        split: where the images come from.
        criterion: what models are judged by.
        images: of each task.
        heads: of the tasks; none where the criterion needs none and some task has none.
        against: what models are held against on the images of each task, as fields of the criteria's `Answers`.
        individual: the criterion's value of each task's own fine-tuned encoder.
    """

    zoo: Zoo
    split: str
    criterion: Criterion
    images: Mapping[str, Images]
    heads: Mapping[str, Tensor]
    against: Mapping[str, Mapping[str, Tensor]]
    individual: Mapping[str, float]

    @property
    def tasks(self) -> tuple[str, ...]:
        """Whose images these are, in the zoo's order."""
        return tuple(self.images)

    @functools.cached_property
    def key(self) -> str:
        """Digest of the images."""
        return digest_of(self.split, [dict(images.identity) for images in self.images.values()])

    @property
    def counts(self) -> dict[str, int]:
        """Images of each task."""
        return {task: images.count for task, images in self.images.items()}

    @property
    def count(self) -> int:
        """Images of all tasks."""
        return sum(self.counts.values())

    def batches(self, task: str) -> list[Tensor]:
        """The task's images in the batches of `mloss_core.outputs.encoding`, so that features are the same."""
        images = self.images[task]
        return list(images.batches(batch_size(self.zoo, images.count)))

    def judged(self, task: str, features: Tensor) -> tuple[np.ndarray, np.ndarray | None]:
        """What the criterion says of a model on each of the task's images, and whether it agrees with the own expert.

        Args:
            features: of the model on the task's images, (image, embed_dim).

        Returns:
            Both (image,): values, bool where the criterion only says yes or no of an image, else float64; agreement,
            bool, or None without a head.
        """
        head = self.heads.get(task)
        scores = None if head is None else ensemble_logits([features], head)
        answers = Answers(features=features, logits=scores, **self.against[task])
        values = self.criterion.function(answers).numpy()
        agrees = None if head is None else expert_agreement(answers).numpy().astype(bool)
        return (values.astype(bool) if self.criterion.unit == "fraction" else values), agrees


def image_set(
    zoo: Zoo, split: str, tasks: tuple[str, ...], most: int | None, criterion: Criterion, progress: Progress = silent
) -> ImageSet:
    """The images of a split, at most so many of each task, drawn at random once.

    Those of accuracies are the ones of `evaluate`, those of criteria without labels the ones of `criterion_scores`.

    Args:
        zoo, split, tasks, criterion: as in `ImageSet`.
        most: images of each task.
        progress: told while the own experts see the images; may raise to stop.

    Raises:
        InvalidOptionError: a split that the criterion does not look at.
        ZooError: a task without images, or without head where one is needed.
        DatasetError: an empty split, or one without labels where they are needed.
    """
    return (_labelled if criterion.labels else _unlabelled)(zoo, split, tasks, most, criterion, progress)


def _labelled(
    zoo: Zoo, split: str, tasks: tuple[str, ...], most: int | None, criterion: Criterion, progress: Progress
) -> ImageSet:
    if split == "train":
        raise InvalidOptionError("accuracy is measured on val or test images; found train.")
    zoo.require_datasets(tasks, "accuracies need")
    zoo.require_heads(tasks)
    few = zoo.limited(most)
    images, against, individual = {}, {}, {}
    for place, task in enumerate(tasks):
        images[task] = images_of_split(few, task, split)
        labels = few.datasets[task].labels(split)
        [found] = features_of_many(few, [few.finetuned[task]], task, split, progress=_part(progress, place, tasks))
        own = logits(found, head_of(few, task))
        against[task] = {"labels": labels, "own_logits": own}
        individual[task] = float(own.argmax(dim=1).eq(labels).double().mean())
    return ImageSet(zoo, split, criterion, images, zoo.subset(tasks).heads, against, individual)


def _unlabelled(
    zoo: Zoo, split: str, tasks: tuple[str, ...], most: int | None, criterion: Criterion, progress: Progress
) -> ImageSet:
    headed = all(task in zoo.heads for task in tasks)
    if "head" in criterion.needs:
        zoo.require_heads(tasks)
    names = dict.fromkeys((criterion.name, *([AGREEMENT] if headed else [])))
    judge = Judge(zoo, tuple(names), images=most, source=split, tasks=tasks)
    heads: StateDict = zoo.subset(tasks).heads if headed else {}
    against = {
        bench.task: judge.references(place, _part(progress, place, tasks)) for place, bench in enumerate(judge.benches)
    }
    individual = {}
    for task, known in against.items():
        own = Answers(features=known["own_features"], logits=known.get("own_logits"), **known)
        individual[task] = float(criterion.function(own).mean())
    images = {bench.task: bench.images for bench in judge.benches}
    return ImageSet(zoo, split, criterion, images, heads, against, individual)


def _part(progress: Progress, place: int, tasks: tuple[str, ...]) -> Progress:
    return part(progress, place / len(tasks), (place + 1) / len(tasks))
