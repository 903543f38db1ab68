"""A zoo: one pretrained encoder, its fine-tuned copies, a zero-shot head and a dataset for each task."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from mloss_core.caching import digest_of
from mloss_core.data.datasets import Dataset
from mloss_core.errors import ZooError, unknown_name
from mloss_core.placement import Placement, ResidentWeights, Room
from mloss_core.types import StateDict
from mloss_core.vision.architecture import Architecture
from mloss_core.vision.towers import build_tower

CPU = torch.device("cpu")


@dataclasses.dataclass(frozen=True)
class Encoder:
    """The weights of one image encoder, under canonical open_clip visual names.

    Args:
        name: the task it was fine-tuned on, or `pretrained`.
        weights: tensors by name, perhaps read lazily.
        digest: SHA-256 of the content.
        bytes: size on disk.
        source: the file it came from, for people.
    """

    name: str
    weights: StateDict
    digest: str
    bytes: int = 0
    source: str = ""

    @property
    def parameters(self) -> int:
        """Number of weights."""
        return sum(tensor.numel() for tensor in self.weights.values())


@dataclasses.dataclass(frozen=True, kw_only=True)
class Zoo:
    """Encoders that share one architecture, with heads and datasets by task. Tasks keep their order everywhere.

    Args:
        name: what the user opened: `demo`, or the folder's name.
        architecture: of every encoder.
        pretrained: the common ancestor.
        finetuned: one encoder a task.
        heads: zero-shot classifier of each task, float32 (class, embed_dim), rows of length exp(logit scale);
            logits are `normalize(features) @ head.T`.
        datasets: labelled images of each task.
        device: where encoders run.
        card: what was recorded when the zoo was made (accuracies, recipe, versions), as plain values.
        notes: what the user should know about how the zoo was read.
        searched: where datasets were looked for, as a message says it; empty where all are there.
        placement: how much of the weights stays on the GPU; None on the CPU.
    """

    name: str
    architecture: Architecture
    pretrained: Encoder
    finetuned: Mapping[str, Encoder]
    heads: Mapping[str, Tensor]
    datasets: Mapping[str, Dataset]
    device: torch.device = CPU
    card: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    searched: str = ""
    placement: Placement | None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """Names of the tasks, in the zoo's order."""
        return tuple(self.finetuned)

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 over all encoders and datasets."""
        models = [self.pretrained.digest, *(encoder.digest for encoder in self.finetuned.values())]
        return digest_of(models, [self.datasets[task].digest for task in self.tasks if task in self.datasets])

    def check_tasks(self, tasks: Sequence[str] | None) -> tuple[str, ...]:
        """The chosen tasks in the zoo's order, all for None.

        Raises:
            UnknownNameError: a task that this zoo lacks.
            ZooError: an empty choice, or a task twice.
        """
        if tasks is None:
            return self.tasks
        for task in tasks:
            if task not in self.finetuned:
                raise unknown_name("task", task, self.tasks)
        if not tasks:
            raise ZooError(f"at least one task must be chosen; this zoo has {', '.join(self.tasks)}.")
        twice = sorted({task for task in tasks if tasks.count(task) > 1})
        if twice:
            raise ZooError(f"each task must be chosen once; found {', '.join(twice)} more than once.")
        return tuple(task for task in self.tasks if task in set(tasks))

    def require_datasets(self, tasks: Sequence[str] | None, purpose: str) -> None:
        """Check that every chosen task has images.

        Raises:
            ZooError: the tasks that lack them, and where they were looked for.
        """
        lacking = [task for task in self.check_tasks(tasks) if task not in self.datasets]
        if lacking:
            where = f" ({self.searched})" if self.searched else ""
            raise ZooError(
                f"{purpose} images of every task; the zoo {self.name} has no dataset for {', '.join(lacking)}{where}. "
                "Add it or leave it out."
            )

    def require_heads(self, tasks: Sequence[str] | None) -> None:
        """Check that every chosen task has a zero-shot head.

        Raises:
            ZooError: the tasks that lack one.
        """
        lacking = [task for task in self.check_tasks(tasks) if task not in self.heads]
        if lacking:
            raise ZooError(
                f"the zoo {self.name} has no zero-shot head for {', '.join(lacking)}; logits need one. "
                "Add head_<Dataset>.pt, or make one with 'heads build', or leave the task out."
            )

    def subset(self, tasks: Sequence[str] | None) -> "Zoo":
        """The same zoo with some of its tasks."""
        chosen = self.check_tasks(tasks)
        pick = functools.partial(_pick, chosen)
        return dataclasses.replace(
            self, finetuned=pick(self.finetuned), heads=pick(self.heads), datasets=pick(self.datasets)
        )

    def limited(self, most: "int | None", seed: int = 0) -> "Zoo":
        """The same zoo with at most `most` validation and test images a task, drawn at random once; None keeps all."""
        if most is None:
            return self
        from mloss_core.data.subset import DatasetSubset

        few = {task: DatasetSubset(dataset, most, seed) for task, dataset in self.datasets.items()}
        return dataclasses.replace(self, datasets=MappingProxyType(few))

    def staying(self, room: Room | None) -> "Zoo":
        """The same zoo whose weights stay on its GPU, once they were used there, while there is room."""
        if room is None:
            return self
        keep = functools.partial(_staying, room)
        needed = sum(4 * encoder.parameters for encoder in (self.pretrained, *self.sources()))
        return dataclasses.replace(
            self,
            pretrained=keep(self.pretrained),
            placement=Placement(needed, room.size),
            finetuned=MappingProxyType({task: keep(encoder) for task, encoder in self.finetuned.items()}),
        )

    def sources(self, tasks: Sequence[str] | None = None) -> tuple[Encoder, ...]:
        """The fine-tuned encoders of the chosen tasks."""
        return tuple(self.finetuned[task] for task in self.check_tasks(tasks))

    def encoder(self, name: str) -> Encoder:
        """`pretrained`, or the encoder fine-tuned on a task."""
        return self.pretrained if name == "pretrained" else self.sources((name,))[0]

    def tower(self, weights: StateDict) -> torch.nn.Module:
        """A running tower with these weights, on the zoo's device."""
        return build_tower(self.architecture, weights, self.device)


def _pick(chosen: tuple[str, ...], mapping: Mapping[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType({task: mapping[task] for task in chosen if task in mapping})


def _staying(room: Room, encoder: Encoder) -> Encoder:
    return dataclasses.replace(encoder, weights=ResidentWeights(encoder.weights, room))
