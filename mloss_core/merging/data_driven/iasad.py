"""Iso-IASAD: Iso-C of models that were each reduced to a low-rank and a sparse part, as inputs weigh them."""

import functools
import logging
from collections.abc import Iterator, Mapping, Sequence

import torch
from torch import Tensor

from mloss_core.errors import CheckpointError
from mloss_core.merging.data_driven.options import IsoIasadOptions
from mloss_core.merging.data_driven.statistics import inputs_are_rows, require
from mloss_core.merging.inputs import MergeInputs, MergeRule
from mloss_core.merging.sparsifiers.sparsify import kept_count
from mloss_core.merging.spectral.tsv_iso import Deltas, flatten_spectrum, matrix_rule, warn_of_coarse_types
from mloss_core.merging.tensors.decompositions import Decomposer
from mloss_core.types import Progress, silent

_LOG = logging.getLogger(__name__)
_LEAST = 1e-8
"""Added to the squares of the inputs, so that an input that no image drives can be divided by."""


def iso_iasad(inputs: MergeInputs, options: IsoIasadOptions, progress: Progress = silent) -> MergeRule:
    """Make Iso-IASAD ready: the inputs' strengths are measured, matrices are decomposed when they are asked for.

    Raises:
        InvalidOptionError: no statistics. CheckpointError: weights or statistics that are not finite.
    """
    squares = require(inputs.statistics, "Iso-IASAD").input_squares(options.images, progress)
    if options.mode == "fork":
        _LOG.warning(
            "mode fork removes the mean of the task vectors and never restores it: what is merged are the errors of "
            "the decompositions."
        )
    strengths = _Strengths(squares, inputs.names)
    precision = inputs.precision(inputs.moving)

    def merged(deltas: Deltas, decomposer: Decomposer, shape: torch.Size) -> Tensor:
        # The parts that are fitted in turn are never met again, so they are kept out of the cache on disk.
        parts = Decomposer(precision, options.rank)
        return flatten_spectrum(reduced_sum(deltas, strengths.of(deltas.key), parts, options), decomposer)

    warn_of_coarse_types(inputs)
    return matrix_rule(inputs, options, merged, exact=False)


def reduced_sum(
    deltas: Deltas, strengths: Sequence[Tensor | None], decomposer: Decomposer, options: IsoIasadOptions
) -> Tensor:
    """Sum over models of the reduced matrices, float64, with the mean taken away before and restored after.

    Args:
        deltas: the models' matrices.
        strengths: for each model, sums of squares of the inputs; None where they are not known.
        decomposer: of the parts.
        options: see there; mode `fork` centres and restores nothing.
    """
    fork, rows = options.mode == "fork", inputs_are_rows(deltas.key)
    centre = deltas.total() / deltas.models if options.center or fork else None

    def parts() -> Iterator[Tensor]:
        for matrix, strength in zip(deltas, strengths, strict=True):
            matrix = matrix.double() if centre is None else matrix.double() - centre
            turned = matrix.T if rows else matrix
            part = reduced(turned, strength, decomposer, options)
            yield part.T if rows else part

    summed = functools.reduce(torch.add, parts())
    if centre is not None and options.restore_mean and not fork:
        summed = summed + deltas.models * centre
    return summed


def reduced(matrix: Tensor, strength: Tensor | None, decomposer: Decomposer, options: IsoIasadOptions) -> Tensor:
    """A matrix as the sum of a low-rank and a sparse part, close to it where the inputs are strong.

    Args:
        matrix: (outputs, inputs), float64.
        strength: sums of squares of the inputs, (inputs,); None weighs all alike.
        decomposer: gives leading singular triplets.
        options: iterations, sparsity, share of the low-rank part, level of pruning.
    """
    if not bool(matrix.any()):
        return matrix
    scales = torch.ones(matrix.shape[1]) if strength is None else (strength.double() + _LEAST).sqrt()
    scales = scales.to(matrix)
    target = matrix * scales
    rank, zeroed = budget(matrix.shape[0], matrix.shape[1], options.sparsity, options.rank_ratio)
    sparse = torch.zeros_like(target)
    for _ in range(options.num_iters):
        sparse = pruned(target - _low_rank(target - sparse, rank, decomposer), zeroed, options.prune_level)
    return (_low_rank(target - sparse, rank, decomposer) + sparse) / scales


def budget(rows: int, columns: int, sparsity: float, rank_ratio: float) -> tuple[int, float]:
    """Rank of the low-rank part, and the share of the sparse part's entries that is zero.

    Example:
        >>> budget(768, 3072, 0.1, 0.75)
        (414, 0.775)
    """
    kept = 1 - sparsity
    rank = kept_count(rank_ratio * kept, rows * columns) // (rows + columns)
    return max(1, min(rank, min(rows, columns) - 1)), 1 - (1 - rank_ratio) * kept


def pruned(matrix: Tensor, zeroed: float, level: str) -> Tensor:
    """The matrix without the floor(zeroed * N) smallest magnitudes of each row, or of all of it (`element`).

    Of equal magnitudes the earlier go first.
    """
    rows = matrix if level == "row" else matrix.reshape(1, -1)
    count = kept_count(zeroed, rows.shape[1])
    smallest = rows.abs().argsort(dim=1, stable=True)[:, :count]
    return rows.scatter(1, smallest, 0.0).view_as(matrix)


def _low_rank(matrix: Tensor, rank: int, decomposer: Decomposer) -> Tensor:
    spectrum = decomposer.leading(matrix, rank)
    return (spectrum.left * spectrum.values) @ spectrum.right.T


class _Strengths:
    """Inputs' strengths by key; says once which matrices have none."""

    def __init__(self, squares: Mapping[str, Sequence[Tensor]], names: tuple[str, ...]) -> None:
        self._squares, self._names, self._told = squares, names, False

    def of(self, key: str) -> Sequence[Tensor | None]:
        if key not in self._squares:
            # Embeddings are looked up or added: they have no inputs that could weigh them.
            if not self._told and "embedding" not in key:
                self._told = True
                _LOG.warning("no inputs of %s were measured, perhaps of others too: all weigh the same there.", key)
            return [None] * len(self._names)
        for name, found in zip(self._names, self._squares[key], strict=True):
            if not bool(torch.isfinite(found).all()):
                raise CheckpointError(
                    f"the inputs of {key} for {name} must be finite; found NaN or infinity. Look for a damaged "
                    "pretrained model."
                )
        return self._squares[key]
