"""Asking two models about the same images."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mloss_core.caching import Cache
from mloss_core.data.datasets import Dataset
from mloss_core.data.subset import limited_dataset, origin
from mloss_core.errors import DatasetError
from mloss_core.evaluation.contenders import Contender
from mloss_core.evaluation.inspection.answers import Answers, Inspection
from mloss_core.evaluation.inspection.models import task_contender
from mloss_core.outputs.encoders import dataset_of, head_of
from mloss_core.outputs.encoding import features_of_many
from mloss_core.types import Progress, part, silent
from mloss_core.zoo.model import Zoo


def inspect_models(
    zoo: Zoo,
    task: str,
    a: Any,
    b: Any = "ensemble",
    split: str = "test",
    *,
    limit: int | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> Inspection:
    """Ask two models about the images of one task, each under the task's zero-shot head.

    Right and wrong are those of `evaluate`. Images without labels are compared by the answers alone.

    Args:
        zoo: encoders, heads and datasets.
        task: whose images.
        a, b: a `Recipe`, or anything that `as_contender` takes: a merge result, an encoder, `zero_shot`, `ensemble`,
            `ensemble_features`, `individual` (the task's own fine-tuned encoder).
        split: test, val or train. Images without labels are a training split.
        limit: at most so many images, drawn at random once; all by default.
        progress: told after each batch of images.
        cache: where features are kept.

    Raises:
        UnknownNameError: a task or baseline that does not exist.
        ZooError: no images or no head for the task.
        DatasetError: no such split, or an empty one.
    """
    zoo.check_tasks((task,))
    few = with_images(zoo, task, split, limit)
    merging = (part(progress, 0, 0.3), part(progress, 0.3, 0.6))
    sides = [task_contender(zoo, task, model, step) for model, step in zip((a, b), merging, strict=True)]
    scores = task_logits(few, task, split, sides, part(progress, 0.6, 1), cache)
    dataset = few.datasets[task]
    truth = truth_of(few, task, split)
    first, second = (_answers(side, found, truth) for side, found in zip(sides, scores, strict=True))
    index = origin(dataset, split)
    return Inspection(
        task=task,
        split=split,
        classes=class_names(dataset, len(few.heads[task])),
        a=first,
        b=second,
        truth=None if truth is None else truth.numpy().astype(np.int32),
        index=index.astype(np.int32),
        files=file_names(zoo.datasets[task], split, index),
        digest=dataset.digest,
    )


def with_images(zoo: Zoo, task: str, split: str, limit: int | None) -> Zoo:
    """The zoo with at most so many images of one task's split.

    Raises:
        ZooError, DatasetError: there are none, or there is no head.
    """
    dataset = dataset_of(zoo, task, split)
    head_of(zoo, task)
    if limit is None or dataset.size(split) <= limit:
        return zoo
    return dataclasses.replace(zoo, datasets={**zoo.datasets, task: limited_dataset(dataset, split, limit)})


def task_logits(
    zoo: Zoo,
    task: str,
    split: str,
    contenders: Sequence[Contender],
    progress: Progress = silent,
    cache: Cache | None = None,
) -> list[Tensor]:
    """Logits (image, class) of each contender; every encoder that several share runs once, or comes from the cache."""
    head = head_of(zoo, task)
    found = _features(zoo, task, split, contenders, progress, cache)
    return [one.combine(own, head) for one, own in zip(contenders, found, strict=True)]


def task_features(
    zoo: Zoo,
    task: str,
    split: str,
    contenders: Sequence[Contender],
    progress: Progress = silent,
    cache: Cache | None = None,
) -> list[Tensor]:
    """What the head sees of each contender: normalised features (image, embed_dim), of several encoders their mean."""
    # Under the identity as a head, logits are what any head is multiplied with.
    head = torch.eye(zoo.architecture.embed_dim)
    found = _features(zoo, task, split, contenders, progress, cache)
    return [one.combine(own, head) for one, own in zip(contenders, found, strict=True)]


def _features(
    zoo: Zoo, task: str, split: str, contenders: Sequence[Contender], progress: Progress, cache: Cache | None
) -> list[list[Tensor]]:
    """Raw features of each contender's encoders."""
    encoders = {encoder.digest: encoder for one in contenders for encoder in one.encoders[task]}
    found = features_of_many(zoo, list(encoders.values()), task, split, progress=progress, cache=cache)
    features = dict(zip(encoders, found, strict=True))
    return [[features[encoder.digest] for encoder in one.encoders[task]] for one in contenders]


def truth_of(zoo: Zoo, task: str, split: str) -> Tensor | None:
    """The labels of a split that is known to hold images; None where it has none.

    Raises:
        DatasetError: a label for which the head has no row.
    """
    try:
        truth = zoo.datasets[task].labels(split)
    except DatasetError:
        return None
    rows = len(head_of(zoo, task))
    if int(truth.max()) >= rows:
        raise DatasetError(
            f"the head must have a row for every class; the images are of {int(truth.max()) + 1} classes and the head "
            f"of {task} in {zoo.name} has {rows} rows."
        )
    return truth


def class_names(dataset: Dataset, count: int) -> tuple[str, ...]:
    """The dataset's names of classes, or numbers where it has none: images without labels."""
    names = tuple(dataset.classes)
    return names if len(names) == count else tuple(f"class {number}" for number in range(count))


def file_names(dataset: Dataset, split: str, index: np.ndarray) -> tuple[str, ...]:
    """What the files of these images are called; empty for images that are drawn."""
    name = getattr(dataset, "image_name", None)
    return () if name is None else tuple(name(split, int(place)) for place in index)


def margins(logits: Tensor, truth: Tensor | None) -> Tensor:
    """How clear an answer is, in nats (image,); see `Answers.margin`.

    Example:
        >>> margins(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([2]))
        tensor([-1.])
    """
    if logits.shape[1] < 2:
        return torch.zeros(len(logits))
    if truth is None:
        best = logits.topk(2, dim=1).values
        return best[:, 0] - best[:, 1]
    own = logits.gather(1, truth[:, None])
    others = logits.scatter(1, truth[:, None], -torch.inf)
    return own[:, 0] - others.max(dim=1).values


def _answers(contender: Contender, logits: Tensor, truth: Tensor | None) -> Answers:
    return Answers(
        key=contender.key,
        model=contender.model,
        kind=contender.kind,
        recipe=contender.recipe,
        predicted=logits.argmax(dim=1).numpy().astype(np.int32),
        margin=margins(logits, truth).float().numpy(),
        confidence=logits.double().softmax(dim=1).max(dim=1).values.float().numpy(),
    )
