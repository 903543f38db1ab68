"""What the worker found inside one node, ready to be drawn."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mloss_core.lab.requests import Payload

MERGED = "merged"
PRETRAINED = "pretrained"


@dataclass(frozen=True)
class DisputedImage:
    """An image on which the merged and the ensembled answer of the node differ much.

    Args:
        task: where it comes from; `index` is its place in that task's training split.
        merged: mean over tokens of the merged activation; `ensemble` of the ensembled one.
        disagreement: mean over tokens of the squared difference.
        pixels: uint8 (height, width, 3), or None.
    """

    task: str
    index: int
    merged: float
    ensemble: float
    disagreement: float
    pixels: np.ndarray | None


@dataclass(frozen=True)
class NodeView:
    """The inside of a node.

    Args:
        tasks: the models.
        activation: name of the non-linearity.
        edges: bin edges of the pre-activation (bin + 1,).
        densities: by model, the merged one last under `merged`, each (bin,).
        means: mean pre-activation by the same names.
        angles: degrees between weight rows, models then pretrained (model + 1, model + 1).
        mloss: of this node on the measured images.
        merged_activation: mean activation of the merged node; `ensemble_activation` of the ensemble.
        top: the disputed images, the worst first.
    """

    tasks: tuple[str, ...]
    activation: str
    edges: np.ndarray
    densities: Mapping[str, np.ndarray]
    means: Mapping[str, float]
    angles: np.ndarray
    mloss: float
    merged_activation: float
    ensemble_activation: float
    top: tuple[DisputedImage, ...]

    @property
    def row_names(self) -> tuple[str, ...]:
        """Names of the rows of `angles`."""
        return (*self.tasks, PRETRAINED)


def node_of(payload: "Payload") -> NodeView:
    """The node of a `node` payload."""
    meta, arrays = payload.meta, payload.arrays
    tasks = tuple(meta["tasks"])
    names = (*tasks, MERGED)
    pixels = arrays.get("pixels")
    top = [
        DisputedImage(
            **{name: image[name] for name in ("task", "index", "merged", "ensemble", "disagreement")},
            pixels=None if pixels is None else pixels[place],
        )
        for place, image in enumerate(meta["top"])
    ]
    return NodeView(
        tasks=tasks,
        activation=meta["activation"],
        edges=arrays["edges"],
        densities=dict(zip(names, arrays["densities"], strict=True)),
        means={name: float(value) for name, value in zip(names, arrays["means"], strict=True)},
        angles=arrays["angles"],
        mloss=float(meta["mloss"]),
        merged_activation=float(meta["merged_activation"]),
        ensemble_activation=float(meta["ensemble_activation"]),
        top=tuple(top),
    )


def angle_sentence(view: NodeView) -> str:
    """How far the rows lie apart, in words."""
    between = view.angles[: len(view.tasks), : len(view.tasks)][np.triu_indices(len(view.tasks), 1)]
    from_start = view.angles[: len(view.tasks), -1]
    return (
        f"The models' weight rows are {between.mean():.0f}° apart on average (at most {between.max():.0f}°), and "
        f"{from_start.mean():.0f}° from the pretrained row they all started from."
    )
