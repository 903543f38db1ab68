"""Singular values of a matrix's merged updates, and how much the models' singular directions interfere: for looking at.

Nothing here merges; it shows what the spectral methods do to one matrix at a time.
"""

import dataclasses

import numpy as np
import torch
from torch import Tensor

from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError
from mloss_core.merging.matrices import MATRICES
from mloss_core.merging.spectral.tsv_iso import Deltas, merge_common_and_specific, merge_task_singular_vectors
from mloss_core.merging.tensors.decompositions import Decomposer
from mloss_core.merging.tensors.tensor_policy import MATRIX, TensorPolicy
from mloss_core.placement import one_thread
from mloss_core.state_dicts import task_vector
from mloss_core.types import Progress, silent
from mloss_core.vision.architecture import Architecture, check_blocks
from mloss_core.zoo.model import Zoo


@dataclasses.dataclass(frozen=True)
class LayerSpectra:
    """Singular values of one matrix, all float64, largest first.

    Args:
        task_arithmetic: of the sum of the task vectors, (r,).
        tsv_m: of the TSV-M update, (r,).
        iso_cts: of the Iso-CTS update, (r,).
        models: of each model's task vector, (model, r).
        interference: singular task interference of the models' leading floor(r / T) directions.
    """

    task_arithmetic: np.ndarray
    tsv_m: np.ndarray
    iso_cts: np.ndarray
    models: np.ndarray
    interference: float

    @property
    def iso_c(self) -> float:
        """The one singular value of the Iso-C update at beta 1: the mean of Task Arithmetic's."""
        return float(self.task_arithmetic.mean())


def block_key(block: int, matrix: str) -> str:
    """State-dict key of a block's matrix.

    Raises:
        InvalidOptionError: no such matrix.
    """
    if matrix not in MATRICES:
        raise InvalidOptionError(f"a block has the matrices {', '.join(MATRICES)}; found {matrix!r}.")
    return f"transformer.resblocks.{block}.{matrix}"


def layer_spectra(
    zoo: Zoo, block: int, matrix: str = "mlp.c_fc.weight", *, common_fraction: float = 0.8, cache: Cache | None = None
) -> LayerSpectra:
    """What Task Arithmetic, TSV-M and Iso-CTS make of the singular values of one matrix.

    Args:
        zoo: the models to merge, and no others.
        block: index of the block.
        matrix: one of `MATRICES`.
        common_fraction: of Iso-CTS.
        cache: where decompositions are kept.

    Raises:
        LayerNotFoundError: no such block. InvalidOptionError: no such matrix, or a share outside [0, 1].
    """
    check_blocks((block,), zoo.architecture.layers)
    if not 0 <= common_fraction <= 1:
        raise InvalidOptionError(f"common_fraction must be from 0 to 1; found {common_fraction:g}.")
    deltas = _deltas(zoo, block_key(block, matrix))
    with one_thread():
        decomposer = Decomposer(torch.float32, "numerical", cache or Cache())
        total = deltas.total()
        rank, count = min(total.shape), min(total.shape) // deltas.models
        merged = merge_task_singular_vectors(deltas, decomposer, count, orthogonalise=True) if count else total
        specific = merge_common_and_specific(deltas, decomposer, common_fraction)
        models = [_padded(decomposer.leading(delta).values, rank) for delta in deltas]
        return LayerSpectra(
            _values(total),
            _values(merged),
            _values(specific),
            np.stack(models),
            _interference(deltas, decomposer, count),
        )


def task_interference(
    zoo: Zoo, matrix: str = "mlp.c_fc.weight", *, progress: Progress = silent, cache: Cache | None = None
) -> np.ndarray:
    """Singular task interference of one matrix of every block, (block,).

    |(U^T U - I) S (V^T V - I)|_1 over all entries, for the models' leading floor(r / T) singular triplets side by side:
    0 where no two models share a direction.

    Args:
        zoo: the models.
        matrix: one of `MATRICES`.
        progress: told after every block; may raise to stop.
        cache: where decompositions are kept.
    """
    store, found = cache or Cache(), []
    for block in range(zoo.architecture.layers):
        deltas = _deltas(zoo, block_key(block, matrix))
        count = min(zoo.pretrained.weights[block_key(block, matrix)].shape) // deltas.models
        with one_thread():
            found.append(_interference(deltas, Decomposer(torch.float32, "numerical", store), count))
        progress((block + 1) / zoo.architecture.layers, f"block {block}")
    return np.array(found)


def matrices_of(architecture: Architecture) -> dict[str, tuple[int, int]]:
    """Shape of each of a block's matrices."""
    width, nodes = architecture.width, architecture.mlp_width
    return dict(zip(MATRICES, ((3 * width, width), (width, width), (nodes, width), (width, nodes)), strict=True))


def _deltas(zoo: Zoo, key: str) -> Deltas:
    if TensorPolicy().kind(key, zoo.pretrained.weights[key]) != MATRIX:
        raise InvalidOptionError(f"{key} is no matrix of floats.")
    sources = zoo.sources()
    return Deltas(lambda model: task_vector(zoo.pretrained.weights, sources[model].weights, key), len(sources))


def _interference(deltas: Deltas, decomposer: Decomposer, count: int) -> float:
    if not count:
        return float("nan")
    spectra = [decomposer.leading(delta, count) for delta in deltas]
    left = torch.cat([spectrum.left for spectrum in spectra], 1)
    right = torch.cat([spectrum.right for spectrum in spectra], 1)
    values = torch.cat([spectrum.values for spectrum in spectra])
    same = torch.eye(len(values), dtype=values.dtype)
    return float(((left.T @ left - same) @ (values[:, None] * (right.T @ right - same))).abs().sum())


def _values(matrix: Tensor) -> np.ndarray:
    return torch.linalg.svdvals(matrix.to(torch.float64)).numpy()


def _padded(values: Tensor, rank: int) -> np.ndarray:
    """With zeros for directions that are rounding noise."""
    return np.pad(values.numpy(), (0, rank - len(values)))
