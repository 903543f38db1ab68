"""How the task vectors of several models become one. They come one at a time, so that only a few are in memory."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

BAND = 1 << 16
"""Entries that are worked on at a time on the CPU."""


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
    return torch.where(up >= down, up / ups.clamp(min=1), -down / downs.clamp(min=1))


def elect_and_sum(vectors: Iterable[Tensor]) -> Tensor:
    """As `elect_and_merge`, with the sum of the entries that agree in place of their mean.

    Example:
        >>> elect_and_sum(torch.tensor([[1.0, -3.0, 2.0, 0.0], [3.0, 1.0, -2.0, 0.0]])).tolist()
        [4.0, -3.0, 2.0, 0.0]
    """
    up, down, _, _ = _masses(vectors)
    return torch.where(up >= down, up, -down)


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
    """Of each entry: mass and number of the models that rise, and of those that fall, as (up, down, ups, downs)."""
    iterator = iter(vectors)
    first = next(iterator)
    masses = tuple(torch.empty_like(first, memory_format=torch.contiguous_format) for _ in range(4))
    _add_masses(masses, first, first=True)
    for vector in iterator:
        _add_masses(masses, vector)
    return masses  # type: ignore[return-value]


def _add_masses(masses: tuple[Tensor, ...], vector: Tensor, first: bool = False) -> None:
    """Add one model's, in pieces that stay in the processor's cache: on whole tensors memory is what takes the time."""
    size = BAND if vector.device.type == "cpu" else max(1, vector.numel())
    for piece, *sums in zip(*(part.reshape(-1).split(size) for part in (vector, *masses)), strict=True):
        added = piece.clamp(min=0), (-piece).clamp(min=0), piece > 0, piece < 0
        for total, value in zip(sums, added, strict=True):
            if first:
                total.copy_(value)
            else:
                total.add_(value)


def _folded(vectors: Iterable[Tensor]) -> tuple[Tensor, int]:
    iterator = iter(vectors)
    summed, count = next(iterator), 1
    for vector in iterator:
        summed, count = summed + vector, count + 1
    return summed, count


CONSENSUS: Mapping[str, Callable[[Iterable[Tensor]], Tensor]] = MappingProxyType(
    {
        "sum": total,
        "mean": mean,
        "elect": elect_and_merge,
        "elect_sum": elect_and_sum,
        "elect_largest": elect_and_take_largest,
        "largest": largest,
    }
)
