"""What the task vectors of two models have in common: inner products and signs, for all pairs in one pass."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from mloss_core.errors import CheckpointError
from mloss_core.state_dicts import check_same_structure, is_merged_tensor, task_vector
from mloss_core.types import Progress
from mloss_core.zoo.model import Encoder, Zoo

_BAND = 2**20
"""Entries of each model that are held at once, in float64."""


def geometry(
    zoo: Zoo, pairs: Sequence[tuple[str, str]], progress: Progress
) -> Iterator[tuple[tuple[str, str], dict[str, np.ndarray]]]:
    """For each pair (a, b) of tasks: its inner products, in all and by tensor, and sign counts.

    Sums are taken in float64, band by band, so that a thousand million entries lose nothing that matters.

    Yields:
        the pair, and as float64 scalars: `dot` = <a, b>; `square_a`, `square_b` = squared lengths; `both` = number of
        entries that are nonzero in both task vectors; `conflicts` = number of those with opposite signs. As (tensor,):
        `tensor_dot`, `tensor_square_a`, `tensor_square_b`, the same products of each tensor.

    Raises:
        IncompatibleStateDictsError: models that do not share keys and shapes.
        CheckpointError: weights that are not finite.
    """
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    encoders = [zoo.encoder(name) for name in names]
    pretrained = zoo.pretrained.weights
    check_same_structure(pretrained, [encoder.weights for encoder in encoders], names)
    keys = [key for key in pretrained if is_merged_tensor(pretrained[key])]
    products = np.zeros((len(keys), len(names), len(names)))
    both, conflicts = (np.zeros((len(names), len(names))) for _ in range(2))
    for position, key in enumerate(keys):
        progress(position / len(keys), f"comparing {key}")
        for band in _bands(zoo, encoders, key):
            positive, negative = (band > 0).double(), (band < 0).double()
            moved = positive + negative
            opposite = positive @ negative.T
            products[position] += _products(band)
            both += (moved @ moved.T).cpu().numpy()
            conflicts += (opposite + opposite.T).cpu().numpy()
    progress(1.0, "compared all weights")
    for a, b in pairs:
        yield (a, b), _of_pair(products, both, conflicts, names.index(a), names.index(b))


def _products(band: Tensor) -> np.ndarray:
    """Inner products of all rows, each taken alone: a matrix product rounds by how many rows there are."""
    count = len(band)
    found = np.zeros((count, count))
    for i in range(count):
        for j in range(i, count):
            found[i, j] = found[j, i] = float(torch.dot(band[i], band[j]))
    return found


def _of_pair(products: np.ndarray, both: np.ndarray, conflicts: np.ndarray, i: int, j: int) -> dict[str, np.ndarray]:
    by_tensor = {
        "tensor_dot": products[:, i, j].copy(),
        "tensor_square_a": products[:, i, i].copy(),
        "tensor_square_b": products[:, j, j].copy(),
    }
    whole = {name.removeprefix("tensor_"): values.sum() for name, values in by_tensor.items()}
    return {**whole, "both": both[i, j], "conflicts": conflicts[i, j], **by_tensor}


def _bands(zoo: Zoo, encoders: Sequence[Encoder], key: str) -> Iterator[Tensor]:
    """The task vectors of one tensor as (model, entry) in float64, so many entries at a time."""
    vectors = [task_vector(zoo.pretrained.weights, encoder.weights, key).reshape(-1) for encoder in encoders]
    for encoder, vector in zip(encoders, vectors, strict=True):
        if not torch.isfinite(vector).all():
            raise CheckpointError(f"weights must be finite; {key} of {encoder.name} or of the pretrained model is not.")
    for start in range(0, vectors[0].numel(), _BAND):
        yield torch.stack([vector[start : start + _BAND].to(zoo.device, torch.float64) for vector in vectors])
