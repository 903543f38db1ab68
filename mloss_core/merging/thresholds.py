"""The k-th largest magnitude over many tensors without holding them: a radix selection on their bit patterns."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping

import torch
from torch import Tensor

from mloss_core.merging.sparsify import largest_mask

_DIGIT_BITS = 16
_DIGITS = 1 << _DIGIT_BITS

Chunks = Callable[[], Iterator[tuple[str, Tensor]]]
"""Gives (name, task vector's tensor) in the model's order, afresh at every call."""


@dataclasses.dataclass(frozen=True)
class GlobalCut:
    """Where a model's global trim cuts.

    Args:
        threshold: the smallest magnitude that is kept; infinite when nothing is.
        equal: how many entries that equal the threshold each tensor keeps, its earliest ones; None keeps them all.
        dtype: in which magnitudes are compared.
    """

    threshold: float
    dtype: torch.dtype
    equal: Mapping[str, int] | None = None

    def trim(self, key: str, vector: Tensor) -> Tensor:
        """The tensor with every entry below the cut set to zero."""
        magnitude = vector.abs().to(self.dtype)
        if self.equal is None:
            return torch.where(magnitude >= self.threshold, vector, 0.0)
        rows = magnitude.reshape(1, -1)
        count = (rows > self.threshold).sum(1, keepdim=True) + self.equal.get(key, 0)
        keep = largest_mask(rows, rows.new_full((1, 1), self.threshold), count)
        return torch.where(keep.view_as(vector), vector, 0.0)


def global_cut(chunks: Chunks, count: int, dtype: torch.dtype = torch.float32) -> GlobalCut:
    """The cut that keeps exactly the `count` largest magnitudes of all chunks; of equal ones the earliest stay.

    Non-negative floats order as their bit patterns do, so the threshold is found digit by digit (16 bits a digit, two
    passes in float32, four in float64) in the memory of one tensor and one histogram.

    Args:
        chunks: see `Chunks`.
        count: at most the number of entries.
        dtype: the widest of the chunks', float32 or float64.
    """
    if count == 0:
        return GlobalCut(float("inf"), dtype)
    pattern, room, equal = _select(chunks, count, dtype)
    threshold = float(torch.tensor(pattern, dtype=_whole(dtype)).view(dtype))
    return GlobalCut(threshold, dtype, None if equal == room else _shares(chunks, threshold, dtype, room))


def _whole(dtype: torch.dtype) -> torch.dtype:
    return torch.int64 if dtype == torch.float64 else torch.int32


def _select(chunks: Chunks, count: int, dtype: torch.dtype) -> tuple[int, int, int]:
    """Bit pattern of the count-th largest, how many entries equal to it are kept, and how many there are."""
    pattern, room, equal = 0, count, 0
    for shift in range(dtype.itemsize * 8 - _DIGIT_BITS, -1, -_DIGIT_BITS):
        histogram = torch.zeros(_DIGITS, dtype=torch.int64)
        for _, vector in chunks():
            bits = vector.abs().to(dtype).reshape(-1).view(_whole(dtype))
            if shift < dtype.itemsize * 8 - _DIGIT_BITS:
                bits = bits[(bits >> (shift + _DIGIT_BITS)) == pattern]
            histogram += torch.bincount((bits >> shift) & (_DIGITS - 1), minlength=_DIGITS).cpu()
        from_top = histogram.flip(0).cumsum(0)
        place = int(torch.searchsorted(from_top, room))
        equal = int(histogram[_DIGITS - 1 - place])
        room -= int(from_top[place]) - equal
        pattern = (pattern << _DIGIT_BITS) | (_DIGITS - 1 - place)
    return pattern, room, equal


def _shares(chunks: Chunks, threshold: float, dtype: torch.dtype, room: int) -> dict[str, int]:
    """How many of the `room` places for equal entries each tensor fills, the earliest first."""
    shares = {}
    for key, vector in chunks():
        shares[key] = min(room, int((vector.abs().to(dtype) == threshold).sum()))
        room -= shares[key]
    return shares
