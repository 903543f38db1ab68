"""Overlaps of the singular subspaces of two models' changes: one decomposition a model and matrix, whatever the pairs.

The published code decomposes both changes anew for each pair; here 20 models take 20 passes instead of 380. A change of
lower rank than the directions that are compared, as after LoRA, has no more of them: what a decomposition gives beyond
its rank is the rounding of the stored weights. The overlaps skip such matrices.
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
_KEPT = ("values", "rank", *_SIDES)
_FACTS = ("values", *_SIDES, "interference", "ranks")
_DTYPES = (torch.bfloat16, torch.float16, torch.float32)
"""Precisions in which weights are stored, the coarsest first."""


def overlaps(
    zoo: Zoo, pairs: Sequence[Pair], options: MLossOptions, progress: Progress, cache: Cache
) -> Iterator[tuple[Pair, dict[str, np.ndarray]]]:
    """Overlaps of each pair in every matrix that both models changed.

    Yields:
        the pair, and as float64 (matrix,): `values` = cosine of the singular values; `left_top`, `right_top`,
        `right_bottom` = ‖A^T B‖ / sqrt(k) of the k leading (last) directions, of matrices where both changes have at
        least k; `interference` = singular task interference of the leading triplets that the changes have, relative to
        the sum of their singular values; `ranks` = the lower numerical rank of the two changes of each matrix.
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
        yield pair, {name: np.array(found[pair].get(name, []), np.float64) for name in _FACTS}


def matrix_keys(zoo: Zoo) -> list[str]:
    """Names of the tensors of rank two, in the pretrained order."""
    weights = zoo.pretrained.weights
    return [key for key in weights if weights[key].ndim == 2 and is_merged_tensor(weights[key])]


def spectra_of(zoo: Zoo, task: str, keys: Sequence[str], cache: Cache) -> Arrays:
    """Of each matrix that a model changed, by its place: `values`, `rank`, and (direction, feature) of each side."""
    encoder = zoo.encoder(task)
    identity = [zoo.pretrained.digest, encoder.digest, list(keys), DIRECTIONS, VALUES, "rank"]

    def compute() -> dict[str, np.ndarray]:
        arrays: dict[str, np.ndarray] = {}
        for index, key in enumerate(keys):
            change = task_vector(zoo.pretrained.weights, encoder.weights, key).to(zoo.device, torch.float64)
            if bool(change.any()):
                found = _directions(change, rounding_floor(encoder.weights[key]))
                arrays |= {f"{index}.{name}": part for name, part in found.items()}
        return arrays

    return remembered(cache, "spectra", identity, compute)


def rounding_floor(weights: Tensor) -> float:
    """How long a singular value of a change the rounding of a stored matrix alone can make.

    Half a unit in the last place of the coarsest precision that holds all entries, times the longest row plus the
    longest column: the spectral norm of independent errors of that size (Latala's bound), with a margin of about 1.7.
    """
    exact = (
        d for d in _DTYPES if weights.dtype.itemsize >= d.itemsize and torch.equal(weights.to(d).to(weights), weights)
    )
    unit = torch.finfo(next(exact, weights.dtype)).eps / 2
    squares = weights.double().square()
    return float(unit * (squares.sum(0).max().sqrt() + squares.sum(1).max().sqrt()))


def _directions(change: Tensor, floor: float) -> dict[str, np.ndarray]:
    """The last directions are of the thin decomposition; a Gram matrix would show them badly, so it is a full one."""
    with one_thread():
        left, values, right = torch.linalg.svd(change, full_matrices=False)
    count = min(DIRECTIONS, len(values))
    parts = {
        "values": values[:VALUES],
        "left_top": left[:, :count].T,
        "right_top": right[:count],
        "right_bottom": right[-count:],
        "rank": (values > floor).sum().reshape(1),
    }
    return {name: np.ascontiguousarray(part.cpu().float().numpy()) for name, part in parts.items()}


def _add_matrix(found: Mapping[Pair, dict[str, list[float]]], facts: Mapping[str, Arrays], index: int) -> None:
    """Overlaps in one matrix, of all pairs of models that changed it. Each pair is taken alone, so that its numbers do
    not depend on the others by a rounding."""
    for (first, second), numbers in found.items():
        a, b = ({name: facts[task].get(f"{index}.{name}") for name in _KEPT} for task in (first, second))
        if a["values"] is None or b["values"] is None:
            continue
        for name, value in _of_matrix(_exact(a), _exact(b)).items():
            numbers.setdefault(name, []).append(value)


def _exact(arrays: Mapping[str, np.ndarray | None]) -> dict[str, np.ndarray]:
    return {name: np.asarray(array, np.float64) for name, array in arrays.items()}


def _of_matrix(a: Arrays, b: Arrays) -> dict[str, float]:
    values = [part["values"] for part in (a, b)]
    cosine = values[0] @ values[1] / (np.linalg.norm(values[0]) * np.linalg.norm(values[1]))
    count, ranks = len(a["left_top"]), [int(part["rank"][0]) for part in (a, b)]
    found = {"values": float(np.clip(cosine, -1, 1)), "ranks": float(min(ranks))}
    if min(ranks) >= count:
        crosses = {side: a[side] @ b[side].T for side in _SIDES}
        found |= {side: min(1.0, float(np.linalg.norm(cross)) / count**0.5) for side, cross in crosses.items()}
    first, second = (min(rank, count) for rank in ranks)
    if first and second:
        left, right = (a[side][:first] @ b[side][:second].T for side in ("left_top", "right_top"))
        found["interference"] = interference(left, right, *values)
    return found


def interference(left: np.ndarray, right: np.ndarray, values_a: np.ndarray, values_b: np.ndarray) -> float:
    """‖(U^T U − I) S (V^T V − I)‖_1 / sum S for U = [U_a U_b], V likewise: only the cross blocks differ from zero.

    Args:
        left: U_a^T U_b, (j, k) for j directions of a and k of b; `right` likewise.
        values_a: singular values of a, at least j; `values_b` of b, at least k.
    """
    first, second = values_a[: left.shape[0]], values_b[: left.shape[1]]
    blocks = np.abs((left * second) @ right.T).sum() + np.abs((left.T * first) @ right).sum()
    return float(blocks / (first.sum() + second.sum()))
