"""One pretrained file with one task's images and head, as a zoo whose only model is still to be trained."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from mloss_core.data.head_files import read_head
from mloss_core.data.on_disk import open_datasets
from mloss_core.errors import DatasetError, ZooError
from mloss_core.placement import resolve_device
from mloss_core.state_dicts import state_digest
from mloss_core.types import Progress, silent
from mloss_core.vision.architecture import Architecture, infer_architecture
from mloss_core.zoo.folders.checking import shared_facts
from mloss_core.zoo.folders.datasets import datasets_root
from mloss_core.zoo.folders.members import PROJECTION, Member, read_member
from mloss_core.zoo.model import Encoder, Zoo


def base_zoo(
    path: Path,
    task: str,
    *,
    data: "str | Path | None" = None,
    head: "str | Path | None" = None,
    activation: str | None = None,
    device: "str | torch.device" = "auto",
    progress: Progress = silent,
) -> Zoo:
    """A zoo of a pretrained encoder that stands for the model of `task` too, with that task's images and head.

    Args:
        path: the pretrained encoder, in any format. Nothing in it is executed.
        task: name of the dataset.
        data: folder of datasets; `$MLOSS_DATA` by default.
        head: file of the zero-shot head.
        activation: of the encoder, where its file does not say.
        device: where it runs.
        progress: told while the file is converted, which happens once.

    Raises:
        CheckpointError: the file or the head is damaged, hostile, or something else.
        ZooError, DatasetError: no head, no images, or no projection in the encoder.
    """
    member = read_member("pretrained", path, path.name, progress)
    if PROJECTION not in member.weights:
        raise ZooError(f"{path.name} holds no projection (visual_projection.weight); give the whole CLIPModel.")
    architecture, notes = _architecture(member, activation)
    root = datasets_root(data)
    datasets, data_notes = open_datasets((task,), root, architecture)
    if task not in datasets:
        raise DatasetError(" ".join(data_notes))
    if head is None:
        raise ZooError(f"fine-tuning {task} needs its zero-shot head: give --head, made with 'heads build'.")
    rows, head_notes = read_head(Path(head), architecture.embed_dim)
    base = Encoder("pretrained", member.weights, state_digest(member.weights), path.stat().st_size, str(path))
    tuned: Mapping[str, Any] = {task: base}
    return Zoo(
        name=path.stem,
        architecture=architecture,
        pretrained=base,
        finetuned=MappingProxyType(dict(tuned)),
        heads=MappingProxyType({task: rows}),
        datasets=MappingProxyType(dict(datasets)),
        device=resolve_device(device),
        notes=(*notes, *head_notes, *data_notes),
        searched=f"looked in {root}",
    )


def _architecture(member: Member, activation: str | None) -> tuple[Architecture, list[str]]:
    said = {} if activation is None else {"activation": activation}
    facts, notes, problems = shared_facts((member,), said, member.path.resolve().parent.name)
    if problems:
        raise ZooError(" ".join(problems))
    return infer_architecture(member.weights, **facts), notes
