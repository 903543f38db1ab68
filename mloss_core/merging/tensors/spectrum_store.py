"""Decompositions that were computed already: the latest in memory, those of large matrices on disk as well."""

import collections
import dataclasses
import threading
from collections.abc import Callable

import torch
from torch import Tensor

from mloss_core.caching import SPECTRA, Cache, digest_of

MEMORY_BYTES = 128 * 2**20
LARGE = 256
"""Matrices go to disk from this length of their shorter side on; smaller ones decompose faster than they load."""

_held: "collections.OrderedDict[str, Factors]" = collections.OrderedDict()
_lock = threading.Lock()


@dataclasses.dataclass(frozen=True)
class Factors:
    """A singular value decomposition of a matrix (m, n) with m >= n, largest first, float64, perhaps cut short.

    Args:
        values: all singular values, (n,).
        narrow: leading right singular vectors, (n, k).
        long: leading left ones, (m, k); None where they are to be had as matrix @ narrow / values.
    """

    values: Tensor
    narrow: Tensor
    long: Tensor | None = None

    def first(self, count: int) -> "Factors":
        """The same with `count` vectors a side, in memory of their own."""
        long = None if self.long is None else _columns(self.long, count)
        return Factors(self.values.contiguous(), _columns(self.narrow, count), long)

    def to(self, device: torch.device | str) -> "Factors":
        """The same on a device."""
        return Factors(**{name: tensor.to(device) for name, tensor in self.tensors().items()})

    def tensors(self) -> dict[str, Tensor]:
        """What there is, by name."""
        named = {"values": self.values, "narrow": self.narrow, "long": self.long}
        return {name: tensor for name, tensor in named.items() if tensor is not None}


def recall(
    words: tuple[str, ...], count: int, size: int, compute: Callable[[], Factors], cache: Cache | None = None
) -> Factors:
    """The decomposition with `count` vectors a side, on the CPU, computed when it is not held.

    Args:
        words: say which matrix, and how it is decomposed.
        count: vectors a side.
        size: shorter side of the matrix.
        compute: gives the decomposition.
        cache: for large matrices; None keeps them in memory alone.
    """
    key = digest_of(*words, count)
    with _lock:
        if key in _held:
            _held.move_to_end(key)
            return _held[key]
    if cache is None or size < LARGE:
        found = compute().first(count).to("cpu")
    else:
        entry = cache.remember(SPECTRA, key, lambda: ({}, _arrays(compute().first(count))))
        found = Factors(**{name: torch.from_numpy(array) for name, array in entry.arrays.items()})
    _hold(key, found)
    return found


def forget() -> None:
    """Empty the memory."""
    with _lock:
        _held.clear()


def _hold(key: str, found: Factors) -> None:
    with _lock:
        _held[key] = found
        held = sum(_bytes(factors) for factors in _held.values())
        while held > MEMORY_BYTES:
            held -= _bytes(_held.popitem(last=False)[1])


def _arrays(factors: Factors) -> dict:
    return {name: tensor.cpu().numpy() for name, tensor in factors.tensors().items()}


def _bytes(factors: Factors) -> int:
    return sum(tensor.nbytes for tensor in factors.tensors().values())


def _columns(matrix: Tensor, count: int) -> Tensor:
    return matrix[:, :count].clone(memory_format=torch.contiguous_format)
