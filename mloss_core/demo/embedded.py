"""Opening an embedded zoo, or one that `demo build` made: weights are checked against their manifest."""

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
from mloss_core.vision.architecture import Architecture
from mloss_core.zoo.embedded import DEFAULT_ZOO, EMBEDDED, EmbeddedZoo, first_of_manifest
from mloss_core.zoo.model import Encoder, Zoo

MANIFEST_NAME = "manifest.json"
HEADS_NAME = "heads.safetensors"
PRETRAINED_NAME = "pretrained.safetensors"
FORMAT = 1
WEIGHTS = EMBEDDED[DEFAULT_ZOO].folder


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


def open_demo_zoo(device: torch.device, folder: Path | None = None, embedded: EmbeddedZoo | None = None) -> Zoo:
    """An embedded zoo, or the one in `folder`. Weights are read when they are used.

    Args:
        device: where encoders run.
        folder: of a zoo that `demo build` made.
        embedded: a row of the table of embedded zoos, where no folder is given; the default one where neither is.

    Raises:
        ZooError: no manifest, or one with fewer tasks than the row holds.
        CheckpointError: a weight file is missing or differs from its manifest.
    """
    row = embedded or EMBEDDED[DEFAULT_ZOO]
    place = folder or row.folder
    manifest = read_manifest(place)
    if folder is None and row.tasks is not None:
        manifest = first_of_manifest(manifest, row.tasks)
    for name, facts in manifest["files"].items():
        _check_file(place / name, facts)
    tasks = {task: TASKS[task] for task in manifest["tasks"]}
    datasets = demo_datasets(manifest["seed"], manifest["sizes"], tasks)
    heads = HalfWeights(place / HEADS_NAME)
    return Zoo(
        name=row.name if folder is None else place.name,
        architecture=Architecture.from_dict(manifest["architecture"]),
        pretrained=_encoder("pretrained", place / PRETRAINED_NAME, manifest),
        finetuned=MappingProxyType({t: _encoder(t, place / f"{t}.safetensors", manifest) for t in tasks}),
        heads=MappingProxyType({task: heads[task] for task in tasks}),
        datasets=MappingProxyType(datasets),
        device=device,
        card=MappingProxyType(manifest),
        notes=_notes(manifest, datasets),
    )


def _check_file(path: Path, facts: Mapping[str, Any]) -> None:
    if not path.is_file():
        raise CheckpointError(f"the zoo's file {path.name} is missing. Restore it, or run 'demo build'.")
    digest = known_digest(path)
    if digest != facts["sha256"]:
        raise CheckpointError(
            f"{path.name} is damaged: its SHA-256 must be {facts['sha256'][:12]}..., found {digest[:12]}.... "
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
