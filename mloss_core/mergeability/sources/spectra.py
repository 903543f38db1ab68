"""Overlaps of the singular subspaces of two models' changes: one decomposition a model and matrix, whatever the pairs.

The published code decomposes both changes anew for each pair; here 20 models take 20 passes instead of 380.
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from mloss_core.caching import Cache
from mloss_core.mergeability.sources.model_facts import Arrays, remembered
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
    """Overlaps in one matrix, of all pairs of models that changed it, by one product a side."""
    moved = [name for name, arrays in facts.items() if f"{index}.values" in arrays]
    if len(moved) < 1:
        return
    place = {name: position for position, name in enumerate(moved)}
    values = np.stack([facts[name][f"{index}.values"].astype(np.float64) for name in moved])
    crosses = {side: _crosses([facts[name][f"{index}.{side}"] for name in moved]) for side in _SIDES}
    unit = values / np.linalg.norm(values, axis=1, keepdims=True)
    for (first, second), numbers in found.items():
        if first not in place or second not in place:
            continue
        a, b = place[first], place[second]
        count = crosses["left_top"].shape[-1]
        numbers.setdefault("values", []).append(float(np.clip(unit[a] @ unit[b], -1, 1)))
        for side in _SIDES:
            overlap = np.linalg.norm(crosses[side][a, b]) / np.sqrt(count)
            numbers.setdefault(side, []).append(float(min(1.0, overlap)))
        across = interference(crosses["left_top"][a, b], crosses["right_top"][a, b], values[a], values[b])
        numbers.setdefault("interference", []).append(across)


def _crosses(directions: Sequence[np.ndarray]) -> np.ndarray:
    """A_i B_j^T of the directions (direction, feature) of all models: (model, model, direction, direction)."""
    stacked = np.concatenate(directions).astype(np.float64)
    models, count = len(directions), len(directions[0])
    return (stacked @ stacked.T).reshape(models, count, models, count).transpose(0, 2, 1, 3)


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
