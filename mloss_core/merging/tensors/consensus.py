"""How the task vectors of several models become one. They come one at a time, so that only a few are in memory."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import torch
from torch import Tensor

Consensus = Callable[[Iterable[Tensor]], Tensor]
BAND = 1 << 16
"""Entries that are worked on at a time on the CPU."""
_MOST = 256
"""So many models are more than a byte can count."""


def total(vectors: Iterable[Tensor]) -> Tensor:
    """Sum over models."""
    return _folded(vectors)[0]


def mean(vectors: Iterable[Tensor]) -> Tensor:
    """Mean over models."""
    summed, count = _folded(vectors)
    return summed / count


def elect_and_merge(vectors: Iterable[Tensor]) -> Tensor:
    """Elect a sign for each entry, then average the models that agree with it (disjoint merge).

    The sign is that of the summed mass; zero mass elects +. The mean runs over the entries of that sign alone, so zeros
    never count; it is 0 where no model agrees.

    Example:
        >>> elect_and_merge(torch.tensor([[1.0, -3.0, 2.0, 0.0], [3.0, 1.0, -2.0, 0.0]])).tolist()
        [2.0, -3.0, 2.0, 0.0]
    """
    up, down, ups, downs = _masses(vectors)
    return torch.where(up >= -down, up / ups, down / downs)


def elect_and_sum(vectors: Iterable[Tensor]) -> Tensor:
    """As `elect_and_merge`, with the sum of the entries that agree in place of their mean.

    Example:
        >>> elect_and_sum(torch.tensor([[1.0, -3.0, 2.0, 0.0], [3.0, 1.0, -2.0, 0.0]])).tolist()
        [4.0, -3.0, 2.0, 0.0]
    """
    up, down, _, _ = _masses(vectors)
    return torch.where(up >= -down, up, down)


def elect_and_take_largest(vectors: Iterable[Tensor]) -> Tensor:
    """As `elect_and_merge`, with the largest of the entries that agree in place of their mean.

    Example:
        >>> elect_and_take_largest(torch.tensor([[1.0, -3.0, 2.0, 0.0], [3.0, 1.0, -2.0, 0.0]])).tolist()
        [3.0, -3.0, 2.0, 0.0]
    """
    iterator = iter(vectors)
    summed = high = low = next(iterator)
    for vector in iterator:
        summed, high, low = summed + vector, torch.maximum(high, vector), torch.minimum(low, vector)
    return torch.where(summed >= 0, high.clamp(min=0), low.clamp(max=0))


def largest(vectors: Iterable[Tensor]) -> Tensor:
    """The entry of largest magnitude over models; of equal magnitudes + wins, so that no order of models matters.

    Example:
        >>> largest(torch.tensor([[1.0, -3.0, -2.0, 0.0], [3.0, 1.0, 2.0, 0.0]])).tolist()
        [3.0, -3.0, 2.0, 0.0]
    """
    iterator = iter(vectors)
    high = low = next(iterator)
    for vector in iterator:
        high, low = torch.maximum(high, vector), torch.minimum(low, vector)
    return torch.where(high >= -low, high, low)


def _masses(vectors: Iterable[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of each entry: sums and numbers of the models that rise, and of those that fall, as (up, down, ups, downs)."""
    if isinstance(vectors, Tensor) and len(vectors) < _MOST:
        return _stacked_masses(vectors)
    iterator = iter(vectors)
    first = next(iterator)
    sums = tuple(torch.empty_like(first, memory_format=torch.contiguous_format) for _ in range(2))
    # Counts of one byte are added ten times faster than truth values to floats.
    counts = tuple(torch.empty_like(each, dtype=torch.uint8) for each in sums)
    _add_masses((*sums, *counts), first, first=True)
    for models, vector in enumerate(iterator, start=2):
        if models == _MOST:
            counts = tuple(count.to(torch.int64) for count in counts)
        _add_masses((*sums, *counts), vector)
    up, down = sums
    ups, downs = (count.clamp_(min=1).to(up.dtype) for count in counts)
    return up, down, ups, downs


def _stacked_masses(stack: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`_masses` of (model, ...), in as few calls as there can be, summed in the same order."""
    up, down = (_added(part) for part in (stack.clamp(min=0), stack.clamp(max=0)))
    ups, downs = (_added(signs) for signs in _signs(stack))
    return up, down, ups.clamp_(min=1).to(up.dtype), downs.clamp_(min=1).to(up.dtype)


def _signs(part: Tensor) -> tuple[Tensor, Tensor]:
    """Where entries rise and where they fall, as bytes of 0 and 1."""
    if part.device.type == "cpu":
        # NumPy compares nine times faster than torch does.
        numbers = part.detach().numpy()
        return torch.from_numpy((numbers > 0).view(np.uint8)), torch.from_numpy((numbers < 0).view(np.uint8))
    return (part > 0).view(torch.uint8), (part < 0).view(torch.uint8)


def _added(stack: Tensor) -> Tensor:
    """Sum over the first axis, in its order; may be in the memory of its first entry."""
    if stack.device.type == "cpu":
        # One call for all models; NumPy sums over a first axis from its first entry to its last.
        numbers = stack.numpy()
        with np.errstate(all="ignore"):
            return torch.from_numpy(np.add.reduce(numbers, axis=0, dtype=numbers.dtype))
    first, *others = stack.unbind(0)
    for other in others:
        first.add_(other)
    return first


def _add_masses(masses: tuple[Tensor, ...], vector: Tensor, first: bool = False) -> None:
    """Add one model's, in pieces that stay in the processor's cache: on whole tensors memory is what takes the time."""
    size = BAND if vector.device.type == "cpu" else max(1, vector.numel())
    for piece, *sums in zip(*(_pieces(part, size) for part in (vector, *masses)), strict=True):
        for total, value in zip(sums, (piece.clamp(min=0), piece.clamp(max=0), *_signs(piece)), strict=True):
            if first:
                total.copy_(value)
            else:
                total.add_(value)


def _pieces(part: Tensor, size: int) -> Sequence[Tensor]:
    flat = part.reshape(-1)
    return (flat,) if flat.numel() <= size else flat.split(size)


def _folded(vectors: Iterable[Tensor]) -> tuple[Tensor, int]:
    iterator = iter(vectors)
    summed, count = next(iterator), 1
    for vector in iterator:
        summed, count = summed + vector, count + 1
    return summed, count


CONSENSUS: Mapping[str, Consensus] = MappingProxyType(
    {
        "sum": total,
        "mean": mean,
        "elect": elect_and_merge,
        "elect_sum": elect_and_sum,
        "elect_largest": elect_and_take_largest,
        "largest": largest,
    }
)
