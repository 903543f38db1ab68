"""Merging by singular values: TSV-M, Iso-C and Iso-CTS, one matrix at a time; all other tensors by a simple rule."""

import functools
import logging
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from mloss_core.memory import release_freed
from mloss_core.merging.inputs import MergedTensor, MergeInputs, MergeRule
from mloss_core.merging.sparsifiers.sparsify import kept_count
from mloss_core.merging.spectral.options import IsoCOptions, IsoCTSOptions, MatrixOptions, TsvMOptions
from mloss_core.merging.tensors.consensus import CONSENSUS
from mloss_core.merging.tensors.decompositions import Decomposer
from mloss_core.merging.tensors.tensor_policy import MATRIX, TensorPolicy
from mloss_core.types import Progress, silent

_LOG = logging.getLogger(__name__)
_COARSE = (torch.float16, torch.bfloat16)


class Deltas:
    """The matrices of all models' task vectors at one place, read one at a time: each use reads them anew.

    Args:
        read: gives one model's matrix, (m, n).
        models: how many there are.
        key: the tensor's name.
    """

    def __init__(self, read: Callable[[int], Tensor], models: int, key: str = "") -> None:
        self._read, self.models, self.key = read, models, key

    def __iter__(self) -> Iterator[Tensor]:
        return map(self._read, range(self.models))

    def total(self) -> Tensor:
        """Their sum, in float64: the order of the models then changes nothing that float32 shows."""
        matrices = iter(self)
        summed = next(matrices).to(torch.float64)
        for matrix in matrices:
            summed = summed + matrix
        return summed


def tsv_m(inputs: MergeInputs, options: TsvMOptions, progress: Progress = silent) -> MergeRule:
    """Make Task Singular Vectors merging ready."""

    def merged(deltas: Deltas, decomposer: Decomposer, shape: torch.Size) -> Tensor | None:
        count = min(shape) // (options.compression or deltas.models)
        return merge_task_singular_vectors(deltas, decomposer, count, options.orthogonalise) if count else None

    whole = (options.compression or 1) == 1
    return _Spectral(inputs, options, merged).rule(exact=whole)


def iso_c(inputs: MergeInputs, options: IsoCOptions, progress: Progress = silent) -> MergeRule:
    """Make isotropic merging in the common subspace ready."""
    warn_of_coarse_types(inputs)

    def merged(deltas: Deltas, decomposer: Decomposer, shape: torch.Size) -> Tensor:
        return flatten_spectrum(deltas.total(), decomposer, options.beta)

    return _Spectral(inputs, options, merged).rule(exact=options.beta == 0)


def iso_cts(inputs: MergeInputs, options: IsoCTSOptions, progress: Progress = silent) -> MergeRule:
    """Make isotropic merging in common and task-specific subspaces ready."""
    warn_of_coarse_types(inputs)

    def merged(deltas: Deltas, decomposer: Decomposer, shape: torch.Size) -> Tensor:
        return merge_common_and_specific(deltas, decomposer, options.common_fraction)

    return _Spectral(inputs, options, merged).rule(exact=False)


def merge_task_singular_vectors(deltas: Deltas, decomposer: Decomposer, count: int, orthogonalise: bool) -> Tensor:
    """polar([U_1 .. U_T]) diag(S_1 .. S_T) polar([V_1 .. V_T]).T, each model cut to its `count` leading triplets."""
    spectra = [decomposer.leading(matrix, count) for matrix in deltas]
    left = torch.cat([spectrum.left for spectrum in spectra], 1)
    right = torch.cat([spectrum.right for spectrum in spectra], 1)
    values = torch.cat([spectrum.values for spectrum in spectra])
    if orthogonalise:
        left, right = decomposer.polar(left), decomposer.polar(right)
    return (left * values) @ right.T


def flatten_spectrum(total: Tensor, decomposer: Decomposer, beta: float = 1.0) -> Tensor:
    """The matrix with each singular value moved by `beta` of the way to their mean."""
    if beta == 0:
        return total
    spectrum = decomposer.leading(total)
    mean = spectrum.values.sum() / min(total.shape)
    return (1 - beta) * total + beta * mean * spectrum.polar


def merge_common_and_specific(deltas: Deltas, decomposer: Decomposer, common_fraction: float) -> Tensor:
    """Leading directions of the sum and, of what lies beside them, leading ones of each model, all equally strong."""
    total = deltas.total()
    common, specific = subspace_sizes(min(total.shape), deltas.models, common_fraction)
    if specific == 0:
        return flatten_spectrum(total, decomposer)
    spectra = [decomposer.leading(total, common)]
    basis = spectra[0].left
    for matrix in deltas:
        beside = matrix - basis @ (basis.T @ matrix.to(torch.float64))
        spectra.append(decomposer.leading(beside, specific, size=float(matrix.norm())))
    strength = sum(spectrum.values.sum() for spectrum in spectra) / min(total.shape)
    left = decomposer.polar(torch.cat([spectrum.left for spectrum in spectra], 1))
    right = decomposer.polar(torch.cat([spectrum.right for spectrum in spectra], 1))
    return strength * left @ right.T


def subspace_sizes(rank: int, models: int, common_fraction: float) -> tuple[int, int]:
    """How many directions are common, and how many are each model's own, of `rank` in all.

    Example:
        >>> subspace_sizes(768, 8, 0.8), subspace_sizes(50, 20, 0.8), subspace_sizes(50, 3, 0.0)
        ((616, 19), (50, 0), (2, 16))
    """
    own = (rank - kept_count(common_fraction, rank)) / models
    specific = min(round(own), rank // models)
    return rank - models * specific, specific


Merge = Callable[[Deltas, Decomposer, torch.Size], Tensor | None]
"""Merges the matrices at one place; None where they are too small for the number of models."""


def matrix_rule(inputs: MergeInputs, options: MatrixOptions, merge: Merge, exact: bool) -> MergeRule:
    """A rule that merges matrices by `merge` and all other tensors as the options say.

    Args:
        exact: whether a single model comes back as it is.
    """
    return _Spectral(inputs, options, merge).rule(exact)


class _Spectral:
    """What all spectral methods share: which tensors are matrices, and what the others get."""

    def __init__(self, inputs: MergeInputs, options: MatrixOptions, merge: Merge) -> None:
        self._inputs, self._options, self._merge = inputs, options, merge
        self._policy = TensorPolicy(qkv=options.qkv)
        self._models = len(inputs.finetuned)
        self._told = False

    def rule(self, exact: bool) -> MergeRule:
        """The merge made ready; `exact`: a single model comes back as it is."""
        options, inputs = self._options, self._inputs
        plain = options.vectors != "zero" and options.vector_factor == 1
        alone = inputs.alone(exact and plain)
        return MergeRule(tensor=self.tensor, scale=options.scale, exact=alone, single_thread=True)

    def tensor(self, key: str) -> MergedTensor:
        """The merged update of one tensor."""
        vectors, like = self._inputs.counted(key), self._inputs.pretrained[key]
        read = vectors.__getitem__
        update = self._matrix(key, like, read) if self._policy.kind(key, like) == MATRIX else None
        if update is None:
            update = self._vector(key, like, Deltas(read, self._models))
        return MergedTensor.of(update, vectors)

    def _vector(self, key: str, like: Tensor, deltas: Deltas) -> Tensor:
        rule, factor = self._options.vectors, self._options.vector_factor
        if rule == "zero":
            return torch.zeros(like.shape, dtype=self._inputs.precision([key]))
        update = CONSENSUS[rule](deltas)
        return update if factor == 1 else factor * update

    def _matrix(self, key: str, like: Tensor, read: Callable[[int], Tensor]) -> Tensor | None:
        precision = self._inputs.precision([key])
        decomposer = Decomposer(precision, self._options.rank, self._inputs.cache)
        updates = []
        for rows in self._policy.pieces(key, like):
            deltas = Deltas(functools.partial(_rows_of, read, rows), self._models, key)
            update = self._merge(deltas, decomposer, torch.Size((rows.stop - rows.start, like.shape[1])))
            if update is None:
                _LOG.warning(
                    "%s, %s, has fewer directions than there are models to share them: it is averaged.",
                    key,
                    tuple(like.shape),
                )
                return None
            updates.append(update)
        self._tell_of_low_rank(key, decomposer)
        release_freed()
        return torch.cat(updates).to(precision)

    def _tell_of_low_rank(self, key: str, decomposer: Decomposer) -> None:
        if decomposer.met_noise and not self._told:
            self._told = True
            _LOG.warning(
                "%s has fewer directions than its shape allows, perhaps as others do: those without a change were "
                "left out.",
                key,
            )


def _rows_of(read: Callable[[int], Tensor], rows: slice, model: int) -> Tensor:
    return read(model)[rows]


def warn_of_coarse_types(inputs: MergeInputs) -> None:
    """Say that weights in half precision are a poor ground for methods that strengthen small directions."""
    coarse = [key for key in inputs.moving if inputs.pretrained[key].dtype in _COARSE]
    if coarse:
        _LOG.warning(
            "%d tensors are stored in half precision, %s among them: directions that are mere rounding get as much "
            "strength as the others. Merge float32 checkpoints where there are any.",
            len(coarse),
            coarse[0],
        )
