"""Order statistics over many tensors and several models at once without holding them, signs included."""

from collections.abc import Callable, Iterator, Sequence

import torch
from torch import Tensor

_DIGIT_BITS = 16
_DIGITS = 1 << _DIGIT_BITS

Columns = Callable[[], Iterator[Sequence[Tensor]]]
"""Gives, tensor by tensor, one part of each list of numbers, afresh at every call."""


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


def _whole(dtype: torch.dtype) -> torch.dtype:
    return torch.int64 if dtype == torch.float64 else torch.int32
