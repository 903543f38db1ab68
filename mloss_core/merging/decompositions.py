"""Singular directions of task vectors: accurate, the same bits for any number of threads, each computed once.

All arithmetic is in float64. Matrices that are known to float32 precision go through the eigenvectors of their Gram
matrix, at a fraction of the cost of an SVD: that squares the condition number, and since directions below float32 noise
are left out, float64 still has eight digits to spare.
"""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator

import torch
from torch import Tensor

from mloss_core.caching import Cache
from mloss_core.merging.spectrum_store import Factors, recall
from mloss_core.state_dicts import tensor_digest

_JITTER = 1e-12
_TURN = threading.RLock()


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one CPU thread, as LAPACK's last bits change with their number. Python threads take turns."""
    with _TURN:
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


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
        self._route = _by_gram if self._drops and precision != torch.float64 else _by_svd
        self._cache = cache
        self.met_noise = False
        """Whether directions that were asked for were left out as noise."""

    def leading(self, matrix: Tensor, count: int | None = None, size: float = 0.0) -> Spectrum:
        """The `count` largest singular triplets; fewer where the rest is noise.

        Args:
            matrix: (m, n), finite.
            count: at most min(m, n); None for all.
            size: noise is judged against the larger of this and the largest singular value: what a projection left of
                a matrix has the rounding errors of the whole.
        """
        wide = matrix.shape[0] < matrix.shape[1]
        tall = matrix.T if wide else matrix
        count = tall.shape[1] if count is None else count
        factors = self._factors(tall, count)
        kept = min(count, self._above_noise(factors.values, size, tall.shape[0]))
        self.met_noise |= kept < count
        values, narrow = factors.values[:kept], factors.narrow[:, :kept].contiguous()
        if factors.long is None:
            long = tall.to(torch.float64) @ narrow / values
        else:
            long = factors.long[:, :kept].contiguous()
        return Spectrum(narrow, values, long) if wide else Spectrum(long, values, narrow)

    def polar(self, matrix: Tensor) -> Tensor:
        """The closest matrix with orthonormal columns (or rows); where columns coincide they share one direction."""
        return self.leading(matrix).polar if matrix.shape[1] else matrix

    def _above_noise(self, values: Tensor, size: float, longest: int) -> int:
        if not self._drops:
            return len(values)
        cut = longest * self._eps * max(size, float(values[:1].sum()))
        return int((values > cut).sum())

    def _factors(self, tall: Tensor, count: int) -> Factors:
        words = (tensor_digest(tall), self._route.__name__, tall.device.type, torch.__version__)
        found = recall(words, count, tall.shape[1], lambda: self._route(tall.to(torch.float64)), self._cache)
        return found.to(tall.device)


def _by_gram(tall: Tensor) -> Factors:
    """From the eigenvectors of tall.T @ tall (n, n)."""
    try:
        squares, vectors = torch.linalg.eigh(tall.T @ tall)
    except torch.linalg.LinAlgError:
        factors = _by_svd(tall)
        return dataclasses.replace(factors, long=None)
    return Factors(squares.flip(0).clamp(min=0).sqrt(), vectors.flip(1))


def _by_svd(tall: Tensor) -> Factors:
    try:
        left, values, right = torch.linalg.svd(tall, full_matrices=False)
    except torch.linalg.LinAlgError:
        # A matrix on which LAPACK does not converge has a neighbour, far below any noise, on which it does.
        nudge = _JITTER * tall.norm() * torch.eye(*tall.shape, dtype=tall.dtype, device=tall.device)
        left, values, right = torch.linalg.svd(tall + nudge, full_matrices=False)
    return Factors(values, right.T, left)
