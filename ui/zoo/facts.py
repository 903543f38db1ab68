"""What the app reads again and again, kept in memory under small keys."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from mloss_core.caching import digest_of
from mloss_core.errors import ZooError
from mloss_core.zoo.embedded import EMBEDDED, first_of_manifest

_PRETRAINED = "pretrained.safetensors"
_LARGEST_HEADER = 100_000_000


@dataclass(frozen=True)
class ZooFacts:
    """What pages need to know about a zoo before any tensor is read.

    Args:
        name: what jobs call it.
        digest: SHA-256 over its encoders and datasets.
        tasks: in the zoo's order; one fine-tuned encoder each.
        layers: number of blocks.
        nodes: hidden nodes of a block's MLP, where M-Loss is measured.
        width: of the encoder.
        parameters: weights of one encoder.
        card: the model card as recorded when the zoo was made; empty for a folder of checkpoints.
        about: what opening a folder of checkpoints found, as `mloss_core.zoo.summary` has it; else empty.
        label: its name for people, where it is not `name`.
    """

    name: str
    digest: str
    tasks: tuple[str, ...]
    layers: int
    nodes: int
    width: int
    parameters: int
    card: Mapping[str, Any]
    about: Mapping[str, Any] = field(default_factory=dict)
    label: str = ""

    @property
    def title(self) -> str:
        """The name for people."""
        return self.label or (EMBEDDED[self.name].title if self.name in EMBEDDED else self.name)

    @property
    def own(self) -> bool:
        """Whether it is a folder of checkpoints, without a model card."""
        return bool(self.about) and not self.card

    @property
    def backbone(self) -> str:
        """The encoder in a few words."""
        known = self.about.get("architecture", {}).get("name", "")
        return f"{known or 'ViT'}, {self.layers} blocks, width {self.width}"


def zoo_facts(name: str) -> ZooFacts:
    """Facts of an embedded zoo from its manifest and the header of one weight file: the app's process needs no torch.

    Raises:
        ZooError: the zoo has no readable manifest.
    """
    row = EMBEDDED[name]
    folder = row.folder
    try:
        return _facts(name, folder, row.tasks, (folder / "manifest.json").stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ZooError(
            f"the zoo {name!r} cannot be opened: its manifest or {_PRETRAINED} is missing or damaged. "
            "Run `python -m mloss_core demo build` to make it anew."
        ) from error


@st.cache_resource(show_spinner=False, max_entries=16)
def _facts(name: str, folder: Path, tasks: int | None, changed: int) -> ZooFacts:
    """Kept until the manifest changes, at the time `changed`."""
    card = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    card = card if tasks is None else first_of_manifest(card, tasks)
    return facts_of(name, card, count_weights(folder / _PRETRAINED))


def facts_of(name: str, card: Mapping[str, Any], parameters: int) -> ZooFacts:
    """Facts of a zoo from its manifest."""
    shape, files, tasks = card["architecture"], card["files"], card["tasks"]
    models = [files[_PRETRAINED]["sha256"], *(files[f"{task}.safetensors"]["sha256"] for task in tasks)]
    return ZooFacts(
        name=name,
        digest=digest_of(models, [tasks[task]["digest"] for task in tasks]),
        tasks=tuple(tasks),
        layers=int(shape["layers"]),
        nodes=int(shape["mlp_width"]),
        width=int(shape["width"]),
        parameters=parameters,
        card=card,
    )


def facts_of_summary(name: str, label: str, summary: Mapping[str, Any]) -> ZooFacts:
    """Facts of a folder of checkpoints from what opening it found."""
    shape = summary["architecture"]
    return ZooFacts(
        name=name,
        digest=summary["zoo"]["digest"],
        tasks=tuple(summary["tasks"]),
        layers=int(shape["layers"]),
        nodes=int(shape["mlp_width"]),
        width=int(shape["width"]),
        parameters=int(summary["models"][0]["parameters"]),
        card=summary.get("card") or {},
        about=summary,
        label=label,
    )


def count_weights(path: Path) -> int:
    """Number of weights in a safetensors file, from its header alone.

    Raises:
        ValueError: it has no such header.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if not 0 < length <= _LARGEST_HEADER:
            raise ValueError(f"{path.name} is no safetensors file")
        header = json.loads(file.read(length))
    return sum(math.prod(tensor["shape"]) for key, tensor in header.items() if key != "__metadata__")
