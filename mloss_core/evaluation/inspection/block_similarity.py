"""How alike models and the task's own expert are inside, block by block, as a record. No torch."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np

_ARRAYS = ("cka", "cka_error", "gap", "gap_error")


@dataclasses.dataclass(frozen=True, kw_only=True)
class BlockSimilarity:
    """Models against the task's own expert, where M-Loss is measured: at the first MLP layer of every block.

    Args:
        models: key, model and kind of each, as plain values.
        blocks: block indices.
        cka: linear CKA of what reaches the layer in the model and in the expert, (model, block); 1 means the same
            geometry of images up to rotation and scale, 0 nothing in common.
        cka_error: its standard error from the choice of images, (model, block).
        gap: expert gap on the model's own inputs, (model, block): mean over images, tokens and nodes of
            (phi(z of the model) - phi(z of the expert))^2, in squared activations.
        gap_error: its standard error from the choice of images, (model, block).
        images: number of images.
    """

    models: tuple[Mapping[str, str], ...]
    blocks: tuple[int, ...]
    cka: np.ndarray
    cka_error: np.ndarray
    gap: np.ndarray
    gap_error: np.ndarray
    images: int

    def to_entry(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Plain values and arrays, as a result store keeps them."""
        meta = {"models": [dict(one) for one in self.models], "blocks": list(self.blocks), "images": self.images}
        return meta, {name: getattr(self, name) for name in _ARRAYS}

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; an undefined number is None."""
        meta, arrays = self.to_entry()
        return meta | {name: [[_defined(value) for value in row] for row in array] for name, array in arrays.items()}

    @classmethod
    def from_entry(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "BlockSimilarity":
        """The similarity of `to_entry`."""
        stored: dict[str, Any] = {name: arrays[name] for name in _ARRAYS}
        return cls(models=tuple(meta["models"]), blocks=tuple(meta["blocks"]), images=meta["images"], **stored)


def _defined(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
