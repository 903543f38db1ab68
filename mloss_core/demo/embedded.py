"""Opening the embedded zoo, or one that `demo build` made: weights are checked against their manifest."""

import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import torch

from mloss_core.demo.dataset import ProceduralDataset, demo_datasets
from mloss_core.demo.half_weights import HalfWeights, known_digest
from mloss_core.demo.tasks import TASKS
from mloss_core.errors import CheckpointError, ZooError
from mloss_core.vision import Architecture
from mloss_core.zoo import Encoder, Zoo

MANIFEST_NAME = "manifest.json"
HEADS_NAME = "heads.safetensors"
PRETRAINED_NAME = "pretrained.safetensors"
FORMAT = 1
WEIGHTS = Path(__file__).parent / "weights"
WEIGHTS20 = Path(__file__).parent / "weights20"
"""Of the zoo of twenty tasks, which holds the one of fourteen."""
NESTED = {"demo14": 14, "demo20": 20}
"""Zoos in `WEIGHTS20` by name: how many of its tasks they have."""
MEASURED = ("accuracy", "average", "counts", "chosen", "controls", "mloss", "task_vectors")
"""What the model card measures; each nested zoo has its own."""


def read_manifest(folder: Path | None = None) -> dict[str, Any]:
    """What was recorded when the zoo was made.

    Raises:
        ZooError: the folder has no manifest, or one that cannot be read.
    """
    path = (folder or WEIGHTS) / MANIFEST_NAME
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ZooError(f"{path.parent} is no zoo: {MANIFEST_NAME} is missing. Make one with 'demo build'.") from error
    except (OSError, ValueError) as error:
        raise ZooError(f"{path} cannot be read ({error}). Build the zoo again with 'demo build'.") from error
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise ZooError(f"{path} must be a manifest of format {FORMAT}. Build the zoo again with 'demo build'.")
    return manifest


def open_demo_zoo(
    device: torch.device, folder: Path | None = None, *, first: int | None = None, name: str | None = None
) -> Zoo:
    """The embedded zoo of eight tasks, or the one in `folder`. Weights are read when they are used.

    Args:
        device: where encoders run.
        folder: of a zoo that `demo build` made.
        first: open so many of its tasks only, the first ones; all unless told.
        name: what to call it instead of the folder's name.

    Raises:
        ZooError: no manifest, or fewer tasks. CheckpointError: a weight file is missing or differs from its manifest.
    """
    place = folder or WEIGHTS
    manifest = first_of_manifest(read_manifest(place), first)
    for file, facts in manifest["files"].items():
        _check_file(place / file, facts)
    tasks = {task: TASKS[task] for task in manifest["tasks"]}
    datasets = demo_datasets(manifest["seed"], manifest["sizes"], tasks)
    heads = HalfWeights(place / HEADS_NAME)
    return Zoo(
        name=name or ("demo" if folder is None else place.name),
        architecture=Architecture.from_dict(manifest["architecture"]),
        pretrained=_encoder("pretrained", place / PRETRAINED_NAME, manifest),
        finetuned=MappingProxyType({t: _encoder(t, place / f"{t}.safetensors", manifest) for t in tasks}),
        heads=MappingProxyType({task: heads[task] for task in tasks}),
        datasets=MappingProxyType(datasets),
        device=device,
        card=MappingProxyType(manifest),
        notes=_notes(manifest, datasets),
    )


def open_nested_zoo(name: str, device: torch.device) -> Zoo:
    """One of the embedded zoos that nest, by name.

    Raises:
        CheckpointError: a weight file is missing or differs from its manifest.
    """
    return open_demo_zoo(device, WEIGHTS20, first=NESTED[name], name=name)


def first_of_manifest(manifest: Mapping[str, Any], first: int | None) -> dict[str, Any]:
    """What was recorded of the first tasks alone; everything for None.

    Raises:
        ZooError: the zoo has fewer tasks.
    """
    tasks = list(manifest["tasks"])
    if first is None or first == len(tasks):
        return dict(manifest)
    if not 0 < first < len(tasks):
        raise ZooError(f"the first {first} tasks were asked for; this zoo has {len(tasks)}.")
    others = set(tasks[first:])
    left = {name: facts for name, facts in manifest["files"].items() if name.removesuffix(".safetensors") not in others}
    kept = {"tasks": {task: manifest["tasks"][task] for task in tasks[:first]}, "files": left}
    for part in ("losses", "seconds"):
        kept[part] = {name: value for name, value in manifest.get(part, {}).items() if name not in others}
    measured = manifest.get("nested", {}).get(str(first), {})
    rest = {name: value for name, value in manifest.items() if name not in (*MEASURED, "nested")}
    return {**rest, **kept, **measured}


def _check_file(path: Path, facts: Mapping[str, Any]) -> None:
    if not path.is_file():
        raise CheckpointError(f"the zoo's file {path.name} is missing. Restore it, or run 'demo build'.")
    found = known_digest(path)
    if found != facts["sha256"]:
        raise CheckpointError(
            f"{path.name} is damaged: its SHA-256 must be {facts['sha256'][:12]}..., found {found[:12]}.... "
            "Restore the file, or run 'demo build'."
        )


def _encoder(name: str, path: Path, manifest: Mapping[str, Any]) -> Encoder:
    facts = manifest["files"][path.name]
    return Encoder(name, HalfWeights(path), facts["sha256"], facts["bytes"], path.name)


def _notes(manifest: Mapping[str, Any], datasets: Mapping[str, ProceduralDataset]) -> tuple[str, ...]:
    """What to say when this machine draws other pixels than the one that made the model card."""
    other = [task for task, facts in manifest["tasks"].items() if datasets[task].pixel_digest != facts["pixel_digest"]]
    if not other:
        return ()
    return (
        f"This machine draws {', '.join(other)} with other pixels than the model card was measured on (another Pillow "
        "or scikit-learn); accuracies here are measured anew and may differ a little from the card.",
    )
