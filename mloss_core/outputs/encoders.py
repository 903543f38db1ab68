"""Weights of any origin as encoders, and the zoo's heads and datasets with checks."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from mloss_core.data.datasets import Dataset, check_split
from mloss_core.errors import DatasetError, ZooError
from mloss_core.state_dicts import check_same_structure, state_digest
from mloss_core.types import StateDict
from mloss_core.zoo import Encoder, Zoo

TOWER_BYTES = 2**30
"""How much memory built towers may take together; one is always kept."""

_towers: "OrderedDict[tuple, tuple[torch.nn.Module, int]]" = OrderedDict()


def as_encoder(weights: "Encoder | StateDict | Any", name: str | None = None, digest: str | None = None) -> Encoder:
    """An encoder from an `Encoder`, a merge result, or a state dict.

    Args:
        weights: an `Encoder`; an object with `state_dict()`, `digest` and `name`; or tensors by name.
        name: instead of the object's own.
        digest: SHA-256 of a state dict's content where it is known; computed otherwise, which reads every tensor.
    """
    if isinstance(weights, Encoder):
        return weights
    if isinstance(weights, Mapping):
        return Encoder(name or "weights", weights, digest or state_digest(weights))
    return Encoder(name or weights.name, weights.state_dict(), digest or weights.digest)


def task_encoders(result: Any, tasks: Sequence[str], name: str | None = None) -> dict[str, Encoder]:
    """The encoders of a merge with one model a task, by task.

    Args:
        result: its `per_task` holds the weights, its `task_digests`, if there are any, what they add up to.
        tasks: those that are asked for.
        name: instead of the result's own.

    Raises:
        ZooError: a task for which there is no model.
    """
    name, digests = name or result.name, getattr(result, "task_digests", None) or {}
    lacking = [task for task in tasks if task not in result.per_task]
    if lacking:
        raise ZooError(
            f"{name} has one model a task and none for {', '.join(lacking)}; evaluate it on "
            f"{', '.join(result.per_task)} alone."
        )
    return {task: as_encoder(result.per_task[task], f"{name}, {task}", digests.get(task)) for task in tasks}


def running_tower(zoo: Zoo, encoder: Encoder) -> torch.nn.Module:
    """The encoder's tower on the zoo's device, from a small store of the towers that were used last.

    Raises:
        IncompatibleStateDictsError: weights that do not fit the zoo's architecture.
    """
    key = (encoder.digest, zoo.architecture, str(zoo.device))
    if key in _towers:
        _towers.move_to_end(key)
        return _towers[key][0]
    weights = dict(encoder.weights)
    check_same_structure(zoo.pretrained.weights, [weights], [encoder.name])
    tower = zoo.tower(weights)
    _towers[key] = (tower, tower_bytes(zoo))
    while len(_towers) > 1 and sum(size for _, size in _towers.values()) > TOWER_BYTES:
        _towers.popitem(last=False)
    return tower


def tower_bytes(zoo: Zoo) -> int:
    """Memory of one running tower of this zoo."""
    return 4 * zoo.pretrained.parameters


def head_of(zoo: Zoo, task: str) -> Tensor:
    """The zero-shot head of a task.

    Raises:
        ZooError: the zoo has none for it, or one that does not fit its encoders.
    """
    if task not in zoo.heads:
        raise ZooError(f"the zoo {zoo.name} has no zero-shot head for {task}; logits need one. Add it or leave it out.")
    head, width = zoo.heads[task], zoo.architecture.embed_dim
    if head.ndim != 2 or head.shape[1] != width:
        raise ZooError(f"the head of {task} must be (class, {width}) for these encoders; it is {tuple(head.shape)}.")
    return head


def dataset_of(zoo: Zoo, task: str, split: str) -> Dataset:
    """The dataset of a task, whose split is known to hold images.

    Raises:
        ZooError: the zoo has none for the task.
        DatasetError: no such split, or an empty one.
    """
    check_split(split)
    if task not in zoo.datasets:
        raise ZooError(f"the zoo {zoo.name} has no dataset for {task}; accuracies need one. Add it or leave it out.")
    dataset = zoo.datasets[task]
    if dataset.size(split) == 0:
        raise DatasetError(f"the {split} split of {task} is empty; choose another split or leave {task} out.")
    return dataset
