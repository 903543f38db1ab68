"""The k-th largest magnitude over many tensors without holding them: a radix selection on their bit patterns."""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence

import torch
from torch import Tensor

from mloss_core.merging.sparsifiers.sparsify import count_rows, largest_mask, masked

Columns = Callable[[], Iterator[Sequence[Tensor]]]
"""Gives, tensor by tensor, one part of each list of numbers, afresh at every call."""

_DIGIT_BITS = 16
_DIGITS = 1 << _DIGIT_BITS
KEPT_DIGITS = 1 << 23
"""Entries near a threshold that may be remembered to spare another pass; 4 bytes each."""

Chunks = Callable[[], Iterator[tuple[str, Tensor]]]
"""Gives (name, task vector's tensor) in the model's order, afresh at every call."""


@dataclasses.dataclass(frozen=True)
class GlobalCut:
    """Where a model's global trim cuts.

    Args:
        threshold: the smallest magnitude that is kept; infinite when nothing is.
        equal: how many entries that equal the threshold each tensor keeps, its earliest ones; None keeps them all.
        dtype: in which magnitudes are compared.
        partial: the one tensor that keeps some of its equal entries and not the others, if there is one.
    """

    threshold: float
    dtype: torch.dtype
    equal: Mapping[str, int] | None = None
    partial: str | None = None

    def trim(self, key: str, vector: Tensor) -> Tensor:
        """The tensor with every entry below the cut set to zero."""
        magnitude = vector.abs().to(self.dtype)
        if key != self.partial or self.equal is None:
            if self.keeps_equal(key):
                return masked(vector, magnitude >= self.threshold)
            return masked(vector, magnitude > self.threshold)
        rows = magnitude.reshape(1, -1)
        count = count_rows(rows > self.threshold) + self.equal[key]
        keep = largest_mask(rows, rows.new_full((1, 1), self.threshold), count)
        return masked(vector, keep.view_as(vector))

    def keeps_equal(self, key: str) -> bool:
        """Whether a tensor that is not the partial one keeps its entries that equal the threshold, all or none."""
        return self.equal is None or bool(self.equal.get(key, 0))


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
    return cut_at(threshold, dtype, equal, room)


def cut_at(threshold: float, dtype: torch.dtype, equal: Mapping[str, int], room: int) -> GlobalCut:
    """The cut that keeps `room` of the entries which equal the threshold, the earliest ones."""
    present = {key: found for key, found in equal.items() if found}
    if sum(present.values()) == room:
        return GlobalCut(threshold, dtype)
    shares, partial = {}, None
    for key, found in present.items():
        shares[key] = min(room, found)
        room -= shares[key]
        if 0 < shares[key] < found:
            partial = key
    return GlobalCut(threshold, dtype, shares, partial)


def _whole(dtype: torch.dtype) -> torch.dtype:
    return torch.int64 if dtype == torch.float64 else torch.int32


def _select(chunks: Chunks, count: int, dtype: torch.dtype) -> tuple[int, int, Mapping[str, int]]:
    """Bit pattern of the count-th largest, how many entries equal to it are kept, and how many each tensor has."""
    pattern, room = 0, count
    last = _LastDigits()
    for shift in range(dtype.itemsize * 8 - _DIGIT_BITS, -1, -_DIGIT_BITS):
        histogram = torch.zeros(_DIGITS, dtype=torch.int64)
        for key, vector in chunks():
            bits = vector.abs().to(dtype).reshape(-1).view(_whole(dtype))
            if shift < dtype.itemsize * 8 - _DIGIT_BITS:
                bits = bits[(bits >> (shift + _DIGIT_BITS)) == pattern]
            digits = (bits >> shift) & (_DIGITS - 1)
            histogram += torch.bincount(digits, minlength=_DIGITS).cpu()
            if shift == 0:
                last.note(key, digits)
        from_top = histogram.flip(0).cumsum(0)
        place = int(torch.searchsorted(from_top, room))
        room -= int(from_top[place]) - int(histogram[_DIGITS - 1 - place])
        pattern = (pattern << _DIGIT_BITS) | (_DIGITS - 1 - place)
    threshold = torch.tensor(pattern, dtype=_whole(dtype)).view(dtype)
    return pattern, room, last.equal(pattern & (_DIGITS - 1)) or _equal(chunks, threshold)


class _LastDigits:
    """The last digits of the entries that share all digits before with the threshold: few, so they are kept.

    Where they are many (weights of low precision) they are let go, and the tensors must be read once more.
    """

    def __init__(self) -> None:
        self._kept: dict[str, Tensor] | None = {}
        self._room = KEPT_DIGITS

    def note(self, key: str, digits: Tensor) -> None:
        """Keep one tensor's digits while there is room."""
        self._room -= digits.numel()
        if self._room < 0:
            self._kept = None
        if self._kept is not None:
            self._kept[key] = digits.to(torch.int32).cpu()

    def equal(self, digit: int) -> dict[str, int]:
        """How many entries of each tensor have this last digit; empty when they were let go."""
        return {key: int((digits == digit).sum()) for key, digits in (self._kept or {}).items()}


def _equal(chunks: Chunks, threshold: Tensor) -> dict[str, int]:
    """How many entries of each tensor equal the threshold."""
    return {
        key: int(count_rows((vector.abs().to(threshold.dtype) == float(threshold)).reshape(1, -1)))
        for key, vector in chunks()
    }


def ranked_values(columns: Columns, ranks: Sequence[int], dtype: torch.dtype = torch.float32) -> list[float]:
    """For each list of numbers, its ranks[i]-th largest value (1 is the largest).

    Bit patterns of floats, turned round for negative ones, order as the floats do; so every value is found digit by
    digit (16 bits each) in the memory of one tensor and one histogram a list.

    Args:
        columns: see `Columns`; each part has as many tensors as there are ranks.
        ranks: from 1 to the number of entries.
        dtype: the widest of the tensors', float32 or float64.
    """
    patterns, room = [0] * len(ranks), list(ranks)
    top = dtype.itemsize * 8 - _DIGIT_BITS
    for shift in range(top, -1, -_DIGIT_BITS):
        counts = torch.zeros((len(ranks), _DIGITS), dtype=torch.int64)
        for parts in columns():
            for place, numbers in enumerate(parts):
                digits = _digits(numbers.to(dtype), shift, top, patterns[place])
                counts[place] += torch.bincount(digits, minlength=_DIGITS).cpu()
        from_top = counts.flip(1).cumsum(1)
        for place in range(len(ranks)):
            found = int(torch.searchsorted(from_top[place], room[place]))
            digit = _DIGITS - 1 - found
            room[place] -= int(from_top[place, found]) - int(counts[place, digit])
            patterns[place] = digit - _DIGITS // 2 if shift == top else (patterns[place] << _DIGIT_BITS) | digit
    whole = torch.tensor(patterns, dtype=_whole(dtype))
    return _turned(whole).view(dtype).tolist()


def _digits(numbers: Tensor, shift: int, top: int, pattern: int) -> Tensor:
    """The digit at `shift` of every number whose higher digits are those of `pattern`."""
    # Adding 0 makes -0.0 of -0.0 a plain 0, so that equal numbers have one pattern.
    bits = _turned((numbers + 0.0).reshape(-1).view(_whole(numbers.dtype)))
    if shift == top:
        return (bits >> shift) + _DIGITS // 2
    bits = bits[(bits >> (shift + _DIGIT_BITS)) == pattern]
    return (bits >> shift) & (_DIGITS - 1)


def _turned(bits: Tensor) -> Tensor:
    """Bit patterns of floats as whole numbers of the same order, and back: the negative ones are reversed."""
    return bits ^ ((bits >> (bits.dtype.itemsize * 8 - 1)) & torch.iinfo(bits.dtype).max)
