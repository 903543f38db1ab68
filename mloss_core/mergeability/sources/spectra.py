"""Overlaps of the singular subspaces of two models' changes: one decomposition a model and matrix, whatever the pairs.

The published code decomposes both changes anew for each pair; here 20 models take 20 passes instead of 380.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from mloss_core.caching import Cache
from mloss_core.mergeability.sources.model_facts import Arrays, remembered
from mloss_core.placement import one_thread
from mloss_core.recipe import MLossOptions
from mloss_core.state_dicts import is_merged_tensor, task_vector
from mloss_core.types import Progress
from mloss_core.zoo.model import Zoo

Pair = tuple[str, str]
DIRECTIONS = 10
"""Singular directions a side that are compared."""
VALUES = 100
"""Singular values that are compared."""
_SIDES = ("left_top", "right_top", "right_bottom")


def overlaps(
    zoo: Zoo, pairs: Sequence[Pair], options: MLossOptions, progress: Progress, cache: Cache
) -> Iterator[tuple[Pair, dict[str, np.ndarray]]]:
    """Overlaps of each pair in every matrix that both models changed.

    Yields:
        the pair, and as float64 (matrix,): `values` = cosine of the singular values; `left_top`, `right_top`,
        `right_bottom` = ‖A^T B‖ / sqrt(k) of the k leading (last) directions; `interference` = singular task
        interference of the leading triplets, relative to the sum of their singular values.
    """
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    keys = matrix_keys(zoo)
    facts = {}
    for position, name in enumerate(names):
        progress(position / len(names), f"singular directions of {name}")
        facts[name] = spectra_of(zoo, name, keys, cache)
    found: dict[Pair, dict[str, list[float]]] = {pair: {} for pair in pairs}
    for index in range(len(keys)):
        _add_matrix(found, facts, index)
    progress(1.0, "compared all directions")
    for pair in pairs:
        every = {name: np.array(found[pair].get(name, []), np.float64) for name in ("values", *_SIDES, "interference")}
        yield pair, every


def matrix_keys(zoo: Zoo) -> list[str]:
    """Names of the tensors of rank two, in the pretrained order."""
    weights = zoo.pretrained.weights
    return [key for key in weights if weights[key].ndim == 2 and is_merged_tensor(weights[key])]


def spectra_of(zoo: Zoo, task: str, keys: Sequence[str], cache: Cache) -> Arrays:
    """Of each matrix that a model changed, by its place: `values`, and (direction, feature) of each side, float32."""
    encoder = zoo.encoder(task)
    identity = [zoo.pretrained.digest, encoder.digest, list(keys), DIRECTIONS, VALUES]

    def compute() -> dict[str, np.ndarray]:
        arrays: dict[str, np.ndarray] = {}
        for index, key in enumerate(keys):
            change = task_vector(zoo.pretrained.weights, encoder.weights, key).to(zoo.device, torch.float64)
            if bool(change.any()):
                arrays |= {f"{index}.{name}": part for name, part in _directions(change).items()}
        return arrays

    return remembered(cache, "spectra", identity, compute)


def _directions(change: Tensor) -> dict[str, np.ndarray]:
    """The last directions are of the thin decomposition; a Gram matrix would show them badly, so it is a full one."""
    with one_thread():
        left, values, right = torch.linalg.svd(change, full_matrices=False)
    count = min(DIRECTIONS, len(values))
    parts = {
        "values": values[:VALUES],
        "left_top": left[:, :count].T,
        "right_top": right[:count],
        "right_bottom": right[-count:],
    }
    return {name: np.ascontiguousarray(part.cpu().float().numpy()) for name, part in parts.items()}


def _add_matrix(found: Mapping[Pair, dict[str, list[float]]], facts: Mapping[str, Arrays], index: int) -> None:
    """Overlaps in one matrix, of all pairs of models that changed it. Each pair is taken alone, so that its numbers do
    not depend on the others by a rounding."""
    for (first, second), numbers in found.items():
        a, b = ({name: facts[task].get(f"{index}.{name}") for name in ("values", *_SIDES)} for task in (first, second))
        if a["values"] is None or b["values"] is None:
            continue
        for name, value in _of_matrix(_exact(a), _exact(b)).items():
            numbers.setdefault(name, []).append(value)


def _exact(arrays: Mapping[str, np.ndarray | None]) -> dict[str, np.ndarray]:
    return {name: np.asarray(array, np.float64) for name, array in arrays.items()}


def _of_matrix(a: Arrays, b: Arrays) -> dict[str, float]:
    values = [part["values"] for part in (a, b)]
    cosine = values[0] @ values[1] / (np.linalg.norm(values[0]) * np.linalg.norm(values[1]))
    crosses = {side: a[side] @ b[side].T for side in _SIDES}
    overlaps = {side: min(1.0, float(np.linalg.norm(cross)) / len(cross) ** 0.5) for side, cross in crosses.items()}
    across = interference(crosses["left_top"], crosses["right_top"], *values)
    return {"values": float(np.clip(cosine, -1, 1)), **overlaps, "interference": across}


def interference(left: np.ndarray, right: np.ndarray, values_a: np.ndarray, values_b: np.ndarray) -> float:
    """‖(U^T U − I) S (V^T V − I)‖_1 / sum S for U = [U_a U_b], V likewise: only the cross blocks differ from zero.

    Args:
        left: U_a^T U_b, (k, k); `right` likewise.
        values_a: singular values of a, at least k; `values_b` of b.
    """
    count = len(left)
    first, second = values_a[:count], values_b[:count]
    blocks = np.abs((left * second) @ right.T).sum() + np.abs((left.T * first) @ right).sum()
    return float(blocks / (first.sum() + second.sum()))
