"""What is inside one node: each model's pre-activations, the angles between their rows, the images that divide them.

Imports no torch: pages hold the same class as the library.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

MERGED = "merged"
PRETRAINED = "pretrained"
_FACTS = ("block", "node", "activation", "mloss", "merged_activation", "ensemble_activation")
_ARRAYS = ("edges", "densities", "means", "angles")
_IMAGE_FACTS = ("task", "index", "merged", "ensemble", "disagreement")


@dataclasses.dataclass(frozen=True)
class TopImage:
    """An image on which merged and ensembled activation differ much.

    Args:
        task: where it comes from.
        index: its index in that task's training split.
        merged: mean over tokens of the merged activation.
        ensemble: mean over tokens of the ensembled activation.
        disagreement: mean over tokens of the squared difference.
        pixels: uint8 (height, width, 3), where they were read.
    """

    task: str
    index: int
    merged: float
    ensemble: float
    disagreement: float
    pixels: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class NodeDetail:
    """A node's inside.

    Args:
        block: its block. node: its index in the block.
        tasks: the models.
        activation: the non-linearity used.
        edges: bin edges of the pre-activation, (bin + 1,).
        densities: share of tokens per unit of pre-activation, (model + 1, bin); the merged node is the last row.
        means: mean pre-activation of each model and of the merged node, (model + 1,).
        angles: degrees between the nodes' weight rows, pretrained last, (model + 1, model + 1).
        mloss: of this node on these images.
        merged_activation: mean over tokens of phi(mean z). ensemble_activation: mean over tokens of mean phi(z).
        top: the images with the largest disagreement, largest first.
    """

    block: int
    node: int
    tasks: tuple[str, ...]
    activation: str
    edges: np.ndarray
    densities: np.ndarray
    means: np.ndarray
    angles: np.ndarray
    mloss: float
    merged_activation: float
    ensemble_activation: float
    top: tuple[TopImage, ...]

    @property
    def row_names(self) -> tuple[str, ...]:
        """Names of the rows of `angles`."""
        return (*self.tasks, PRETRAINED)

    def density(self, name: str) -> np.ndarray:
        """Density of one model's pre-activation, (bin,); that of the merged node under `merged`."""
        return self.densities[(*self.tasks, MERGED).index(name)]

    @property
    def merged_mean(self) -> float:
        """Mean pre-activation of the merged node."""
        return float(self.means[-1])

    def to_entry(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Facts as plain values and arrays by name, for another process."""
        meta: dict[str, Any] = {name: getattr(self, name) for name in _FACTS}
        meta["tasks"] = list(self.tasks)
        meta["top"] = [{name: getattr(image, name) for name in _IMAGE_FACTS} for image in self.top]
        arrays = {name: getattr(self, name) for name in _ARRAYS}
        pixels = [image.pixels for image in self.top if image.pixels is not None]
        return meta, arrays | ({"pixels": np.stack(pixels)} if pixels and len(pixels) == len(self.top) else {})

    @classmethod
    def from_entry(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "NodeDetail":
        """The detail of `to_entry`."""
        pixels = arrays["pixels"] if "pixels" in arrays else [None] * len(meta["top"])
        top = tuple(
            TopImage(**{name: image[name] for name in _IMAGE_FACTS}, pixels=shown)
            for image, shown in zip(meta["top"], pixels, strict=True)
        )
        facts: dict[str, Any] = {name: meta[name] for name in _FACTS} | {name: arrays[name] for name in _ARRAYS}
        return cls(tasks=tuple(meta["tasks"]), top=top, **facts)
