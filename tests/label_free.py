"""Zoos whose labels must not be looked at, or mean nothing."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch


class _Veiled:
    """A dataset with other labels, and perhaps other sizes; everything else is the whole one's."""

    def __init__(self, dataset: Any, labels: str, sizes: Mapping[str, int]) -> None:
        self._dataset, self._labels, self._sizes = dataset, labels, dict(sizes)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._dataset, name)

    def size(self, split: str) -> int:
        return self._sizes.get(split, self._dataset.size(split))

    def labels(self, split: str) -> torch.Tensor:
        assert self._labels != "hidden", "looked at labels"
        mixed = torch.randperm(self._dataset.size(split), generator=torch.Generator().manual_seed(1))
        return self._dataset.labels(split)[mixed]


def without_labels(zoo: Any, sizes: Mapping[str, int] | None = None) -> Any:
    """The zoo, whose labels fail the test that reads them."""
    return _veiled(zoo, "hidden", sizes or {})


def with_scrambled_labels(zoo: Any) -> Any:
    """The zoo, whose labels belong to other images."""
    return _veiled(zoo, "scrambled", {})


def without_classes(zoo: Any) -> Any:
    """The zoo as a folder of images gives it: a training split without classes, and nothing else."""
    found = without_labels(zoo, {"val": 0, "test": 0})
    for dataset in found.datasets.values():
        dataset.classes = ()
    return found


def _veiled(zoo: Any, labels: str, sizes: Mapping[str, int]) -> Any:
    veiled = {task: _Veiled(dataset, labels, sizes) for task, dataset in zoo.datasets.items()}
    return dataclasses.replace(zoo, datasets=veiled)
