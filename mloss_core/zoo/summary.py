"""What a zoo holds, as plain values: for the command line, the app and records."""

import dataclasses
from typing import Any

from mloss_core.data.datasets import is_labelled
from mloss_core.zoo.model import Encoder, Zoo

SPLITS = ("train", "val", "test")


def zoo_summary(zoo: Zoo) -> dict[str, Any]:
    """The zoo's models, architecture, datasets and what is to be known about them."""
    shape = zoo.architecture
    return {
        "zoo": {"name": zoo.name, "digest": zoo.digest},
        "architecture": {**shape.to_dict(), "name": shape.name, "image_size": shape.image_size},
        "device": str(zoo.device),
        "placement": dataclasses.asdict(zoo.placement) if zoo.placement else None,
        "tasks": list(zoo.tasks),
        "layout": zoo.card.get("layout"),
        "models": [model_summary(zoo, encoder) for encoder in (zoo.pretrained, *zoo.sources())],
        "notes": list(zoo.notes),
        "datasets": zoo.searched or None,
    }


def model_summary(zoo: Zoo, encoder: Encoder) -> dict[str, Any]:
    """One model of the zoo: its file, and the head and images of its task."""
    dataset, head = zoo.datasets.get(encoder.name), zoo.heads.get(encoder.name)
    file = zoo.card.get("files", {}).get(encoder.name, {})
    return {
        "name": encoder.name,
        "digest": encoder.digest,
        "bytes": encoder.bytes,
        "parameters": encoder.parameters,
        "classes": len(dataset.classes) if dataset else None,
        "images": {split: dataset.size(split) for split in SPLITS} if dataset else None,
        "labelled": [split for split in SPLITS if is_labelled(dataset, split)] if dataset else None,
        "head": list(head.shape) if head is not None else None,
        "file": file.get("file", encoder.source),
        "format": file.get("format"),
        "distance": file.get("distance"),
    }
