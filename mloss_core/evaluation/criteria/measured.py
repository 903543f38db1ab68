"""How far criteria could be trusted on the embedded zoos, as `docs.measure_label_free` recorded it. No torch."""

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

MEASURED = Path(__file__).with_name("measured.json")
ZOOS = {
    "demo": "demo zoo",
    "weak": "demo zoo, a tenth of the fine-tuning",
    "demo14": "demo zoo of fourteen tasks",
    "demo20": "demo zoo of twenty tasks",
}
"""What the measured zoos are called."""


@functools.cache
def measured() -> Mapping[str, Any]:
    """The record of each measured zoo by name, in the order of `ZOOS`.

    Each has `individual`, `ensemble`, `zero_shot` (average validation accuracies), `recipes` (name, group, accuracy,
    standard_error, values by source and criterion at the largest number of images) and `summary`: for each source and
    number of images per task, by criterion, what `Trust` holds.
    """
    zoos = json.loads(MEASURED.read_text(encoding="utf-8"))["zoos"]
    return MappingProxyType({name: zoos[name] for name in ZOOS if name in zoos})


def summary_of(record: Mapping[str, Any], source: str, images: int) -> Mapping[str, Mapping[str, Any]]:
    """What was found for each criterion with so many images of each task.

    Raises:
        KeyError: no such source or number of images was measured.
    """
    for entry in record["summary"]:
        if (entry["source"], entry["images_per_task"]) == (source, images):
            return entry["criteria"]
    raise KeyError(f"{images} images of {source}")


def image_counts(record: Mapping[str, Any]) -> list[int]:
    """The numbers of images per task that were measured, rising."""
    return sorted({entry["images_per_task"] for entry in record["summary"]})
