"""What the app reads again and again, kept in memory under small keys."""

import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

import streamlit as st

from mloss_core.errors import ZooError

_TITLES = {"demo": "Demo zoo"}


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
        card: the model card as recorded when the zoo was made.
    """

    name: str
    digest: str
    tasks: tuple[str, ...]
    layers: int
    nodes: int
    width: int
    parameters: int
    card: Mapping[str, Any]

    @property
    def title(self) -> str:
        """The name for people."""
        return _TITLES.get(self.name, self.name)

    @property
    def backbone(self) -> str:
        """The encoder in a few words."""
        return f"ViT, {self.layers} blocks, width {self.width}"


@st.cache_resource(show_spinner=False, max_entries=16)
def zoo_facts(name: str) -> ZooFacts:
    """Facts of a zoo from its manifest alone, so that the app's process needs no torch.

    Raises:
        ZooError: the zoo has no readable manifest.
    """
    path = files("mloss_core") / "demo" / "weights" / "manifest.json"
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        return facts_of(name, card)
    except (OSError, ValueError, KeyError) as error:
        raise ZooError(
            f"the zoo {name!r} cannot be opened: {path.name} beside its weights is missing or damaged. "
            "Run `python -m mloss_core demo build` to make it anew."
        ) from error


def facts_of(name: str, card: Mapping[str, Any]) -> ZooFacts:
    """Facts of a zoo from its manifest."""
    shape = card["architecture"]
    return ZooFacts(
        name=name, digest=str(card.get("digest", "")), tasks=tuple(card["tasks"]), layers=int(shape["layers"]),
        nodes=int(shape["mlp_width"]), width=int(shape["width"]), parameters=int(card.get("parameters", 0)), card=card,
    )  # fmt: skip


@st.cache_resource(show_spinner=False)
def devices() -> tuple[str, ...]:
    """Devices that encoders may run on, found without importing torch: the CPU and NVIDIA GPUs that torch can use."""
    if importlib.metadata.version("torch").endswith("+cpu"):
        return ("cpu",)
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return ("cpu", *(f"cuda:{index}" for index in range(gpus)))
