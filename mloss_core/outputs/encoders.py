"""Weights of any origin as encoders, and the zoo's heads and datasets with checks."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mloss_core.checkpoints import open_checkpoint
from mloss_core.data.datasets import Dataset, check_split
from mloss_core.errors import DatasetError, ZooError
from mloss_core.state_dicts import check_same_structure, state_digest
from mloss_core.types import StateDict
from mloss_core.vision.towers import for_features
from mloss_core.zoo.model import Encoder, Zoo

TOWER_BYTES = 2**30
"""How much memory built towers may take together; one is always kept."""

_towers: "OrderedDict[tuple, tuple[torch.nn.Module, int]]" = OrderedDict()
_TOWERS_LOCK = threading.Lock()


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


def encoder_from_file(zoo: Zoo, path: "str | Path") -> Encoder:
    """The image encoder of a weight file in any format, such as a merged one, to run beside a zoo's own.

    A file without its projection, as Hugging Face's CLIPVisionModel is, gets that of the zoo.

    Raises:
        CheckpointError: see `open_checkpoint`.
        ZooError: the file says that it is of another architecture.
    """
    weights = open_checkpoint(path)
    for fact, words in (("activation", "activation"), ("heads", "attention heads")):
        here = getattr(zoo.architecture, fact)
        if weights.facts.get(fact, here) != here:
            raise ZooError(
                f"{path} records {words} {weights.facts[fact]}, the models of {zoo.name} have {here}: it belongs to "
                "another zoo."
            )
    if "proj" in weights or "proj" not in zoo.pretrained.weights:
        return Encoder(str(path), weights, weights.digest)
    completed = {**weights, "proj": zoo.pretrained.weights["proj"]}
    return Encoder(str(path), completed, state_digest(completed))


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
    with _TOWERS_LOCK:
        if key in _towers:
            _towers.move_to_end(key)
            return _towers[key][0]
    weights = dict(encoder.weights)
    check_same_structure(zoo.pretrained.weights, [weights], [encoder.name])
    tower = for_features(zoo.tower(weights), zoo.architecture)
    with _TOWERS_LOCK:
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
    zoo.require_heads((task,))
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
    zoo.require_datasets((task,), "accuracies need")
    dataset = zoo.datasets[task]
    if dataset.size(split) == 0:
        raise DatasetError(f"the {split} split of {task} is empty; choose another split or leave {task} out.")
    return dataset
