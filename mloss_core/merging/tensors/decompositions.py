"""Singular directions of task vectors: accurate, the same bits for any number of threads, each computed once.

All arithmetic is in float64. Matrices that are known to float32 precision go through the eigenvectors of their Gram
matrix where that is as good (no wanted singular value below 1e-4 of the largest, which leaves eight digits), at a
fraction of the cost of an SVD.
"""

import dataclasses

import torch
from torch import Tensor

from mloss_core.caching import Cache
from mloss_core.merging.tensors.spectrum_store import Factors, recall
from mloss_core.state_dicts import tensor_digest

_JITTER = 1e-12
_GRAM_LIMIT = 1e-4
_COINCIDE = 10
"""Columns coincide where their stack has singular values of at most so many eps. That is far below the max(m, n) * eps
for task vectors: a square stack of bases is nearly singular by nature, and what it spans weakly still counts."""


@dataclasses.dataclass(frozen=True)
class Spectrum:
    """Leading singular triplets of a matrix (m, n), largest first, float64: left (m, k), values (k,), right (n, k)."""

    left: Tensor
    values: Tensor
    right: Tensor

    @property
    def polar(self) -> Tensor:
        """The matrix (m, n) with every kept singular value set to 1."""
        return self.left @ self.right.T


class Decomposer:
    """Singular triplets and polar factors under one policy.

    Args:
        precision: how exactly the models' entries are known: float32 or float64.
        rank: `numerical` leaves out triplets whose singular value is at most max(m, n) * eps * the largest, as their
            directions are rounding noise; `full` keeps them.
        cache: where decompositions of large matrices are kept for other processes; None keeps them in this one alone.
    """

    def __init__(self, precision: torch.dtype, rank: str = "numerical", cache: Cache | None = None) -> None:
        self._eps, self._drops = torch.finfo(precision).eps, rank == "numerical"
        self._by_gram = self._drops and precision != torch.float64
        self._cache = cache
        self.met_noise = False
        """Whether triplets that were asked for were left out as noise."""

    def leading(self, matrix: Tensor, count: int | None = None, size: float = 0.0) -> Spectrum:
        """The `count` largest singular triplets; fewer where the rest is noise.

        Args:
            matrix: (m, n), finite.
            count: at most min(m, n); None for all.
            size: noise is judged against the larger of this and the largest singular value: what a projection left of
                a matrix has the rounding errors of the whole.
        """
        count = min(matrix.shape) if count is None else count
        spectrum = self._triplets(matrix, count, max(matrix.shape) * self._eps, size)
        self.met_noise |= len(spectrum.values) < count
        return spectrum

    def polar(self, matrix: Tensor) -> Tensor:
        """The closest matrix with orthonormal columns (or rows); where columns coincide they share one direction."""
        if not matrix.shape[1]:
            return matrix
        return self._triplets(matrix, min(matrix.shape), _COINCIDE * self._eps).polar

    def _triplets(self, matrix: Tensor, count: int, noise: float, size: float = 0.0) -> Spectrum:
        wide = matrix.shape[0] < matrix.shape[1]
        tall = matrix.T if wide else matrix
        factors = self._factors(tall, count, noise, size)
        kept = min(count, self._above_noise(factors.values, noise, size))
        values, narrow = factors.values[:kept], factors.narrow[:, :kept].contiguous()
        if factors.long is None:
            long = tall.to(torch.float64) @ narrow / values
        else:
            long = factors.long[:, :kept].contiguous()
        return Spectrum(narrow, values, long) if wide else Spectrum(long, values, narrow)

    def _above_noise(self, values: Tensor, noise: float, size: float) -> int:
        if not self._drops:
            return len(values)
        return int((values > noise * max(size, float(values[:1].sum()))).sum())

    def _factors(self, tall: Tensor, count: int, noise: float, size: float) -> Factors:
        def compute() -> Factors:
            exact = tall.to(torch.float64)
            found = _by_gram(exact) if self._by_gram else None
            if found is None or self._strains(found.values[:count], noise, size):
                return _by_svd(exact)
            return found

        words = (tensor_digest(tall), str(self._by_gram), str(noise), str(size), tall.device.type, torch.__version__)
        return recall(words, count, tall.shape[1], compute, self._cache).to(tall.device)

    def _strains(self, values: Tensor, noise: float, size: float) -> bool:
        """Whether a value that counts is so small that the Gram matrix shows it badly."""
        kept = self._above_noise(values, noise, size)
        return bool(kept) and float(values[kept - 1]) < _GRAM_LIMIT * float(values[0])


def _by_gram(tall: Tensor) -> Factors | None:
    """From the eigenvectors of tall.T @ tall, (n, n); None where LAPACK finds none."""
    try:
        squares, vectors = torch.linalg.eigh(tall.T @ tall)
    except torch.linalg.LinAlgError:
        return None
    return Factors(squares.flip(0).clamp(min=0).sqrt(), vectors.flip(1))


def _by_svd(tall: Tensor) -> Factors:
    try:
        left, values, right = torch.linalg.svd(tall, full_matrices=False)
    except torch.linalg.LinAlgError:
        # A matrix on which LAPACK does not converge has a neighbour, far below any noise, on which it does.
        nudge = _JITTER * tall.norm() * torch.eye(*tall.shape, dtype=tall.dtype, device=tall.device)
        left, values, right = torch.linalg.svd(tall + nudge, full_matrices=False)
    return Factors(values, right.T, left)
