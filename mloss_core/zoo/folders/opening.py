"""Opening a folder of checkpoints as a zoo: find, convert, check, and only then hand it over."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from mloss_core.checkpoints.sharded import source_files
from mloss_core.data.datasets import Dataset
from mloss_core.data.head_files import read_head
from mloss_core.errors import CheckpointError
from mloss_core.types import Progress, silent
from mloss_core.vision.architecture import Architecture, infer_architecture
from mloss_core.zoo.folders.checking import checked_set, shared_facts
from mloss_core.zoo.folders.datasets import datasets_of
from mloss_core.zoo.folders.discovery import FoundZoo, discover
from mloss_core.zoo.folders.members import PROJECTION, Member, read_members, report
from mloss_core.zoo.model import CPU, Encoder, Zoo


def open_folder(folder: str | Path, device: torch.device = CPU, progress: Progress = silent) -> Zoo:
    """Open the zoo that a folder of checkpoints holds. Files are converted once; weights are read when they are used.

    Args:
        folder: in one of the layouts of `mloss_core.zoo.folders.discovery`.
        device: where encoders run.
        progress: told about each file; the first time is the slow one.

    Raises:
        ZooError: no zoo, or everything that is wrong with it in one report.
        CacheError: converted files cannot be kept.
    """
    found = discover(Path(folder))
    read = read_members(found, progress)
    base, tuned = read.base, read.tuned
    members = (base, *tuned.values())
    facts, guesses, problems = shared_facts(members, found.described.facts, str(Path(folder).resolve().name))
    validation, digests = checked_set(
        base,
        tuple(tuned.values()),
        text_may_differ=found.described.text_may_differ,
        far_from_base=found.described.far_from_base,
    )
    heads, head_notes = _read_heads(found, base.weights[PROJECTION].shape[1])
    problems = [*read.problems, *problems, *validation.problems]
    if problems:
        raise report(found.name, problems)
    architecture = infer_architecture(base.weights, **facts)
    datasets, data_notes, searched = _datasets(found, tuple(tuned), architecture)
    heads, fit_notes = _fitting(heads, datasets)
    return Zoo(
        name=found.name,
        architecture=architecture,
        pretrained=_encoder(base, digests),
        finetuned=MappingProxyType({task: _encoder(member, digests) for task, member in tuned.items()}),
        heads=MappingProxyType(heads),
        datasets=MappingProxyType(dict(datasets)),
        device=device,
        searched=searched,
        card=MappingProxyType(_card(found, members, validation.distances)),
        notes=(*found.notes, *read.notes, *guesses, *validation.warnings, *head_notes, *data_notes, *fit_notes),
    )


def _encoder(member: Member, digests: Mapping[str, str]) -> Encoder:
    size = sum(file.stat().st_size for file in source_files(member.path))
    return Encoder(member.name, member.weights, digests[member.label], size, str(member.path))


def _read_heads(found: FoundZoo, embed_dim: int) -> tuple[dict[str, Tensor], list[str]]:
    """Heads by task, and what to know about them: merging needs none, so one that cannot be read is left out."""
    heads: dict[str, Tensor] = {}
    notes: list[str] = []
    for task, path in found.heads.items():
        try:
            heads[task], said = read_head(path, embed_dim, found.label(path))
            notes += said
        except CheckpointError as error:
            notes.append(f"the head of {task} is left out: {error}")
    return heads, notes


def _datasets(
    found: FoundZoo, tasks: tuple[str, ...], architecture: Architecture
) -> tuple[dict[str, Dataset], tuple[str, ...], str]:
    """`datasets_of` the tasks, each by the name of its dataset: several models may share one."""
    names = {task: found.described.dataset_of.get(task, task) for task in tasks}
    datasets, notes, searched = datasets_of(tuple(dict.fromkeys(names.values())), found.datasets, architecture)
    return {task: datasets[name] for task, name in names.items() if name in datasets}, notes, searched


def _fitting(heads: Mapping[str, Tensor], datasets: Mapping[str, Dataset]) -> tuple[dict[str, Tensor], list[str]]:
    """Heads whose classes are those of their dataset; merging needs neither, so the others are left out and named."""
    wrong = {
        task: f"the head of {task} has {len(head)} classes, its dataset {len(datasets[task].classes)}; it is left out."
        for task, head in heads.items()
        if task in datasets and datasets[task].classes and len(head) != len(datasets[task].classes)
    }
    return {task: head for task, head in heads.items() if task not in wrong}, list(wrong.values())


def _card(found: FoundZoo, members: tuple[Member, ...], distances: Mapping[str, float]) -> dict[str, Any]:
    """What is known of the files, as plain values."""
    return {
        "layout": found.layout,
        "files": {
            member.name: {
                "file": member.label,
                "sha256": member.source_digest,
                "format": member.facts.get("format"),
                "dtypes": list(member.facts.get("dtypes", [])),
                "distance": distances.get(member.label),
            }
            for member in members
        },
        "heads": {task: found.label(path) for task, path in found.heads.items()},
    }
