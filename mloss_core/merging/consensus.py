"""How the task vectors of several models become one. They come one at a time, so that only a few are in memory."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor


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
    summed, high, low = None, None, None
    for vector in vectors:
        summed = vector if summed is None else summed + vector
        high = vector if high is None else torch.maximum(high, vector)
        low = vector if low is None else torch.minimum(low, vector)
    return torch.where(summed >= 0, high.clamp(min=0), low.clamp(max=0))


def largest(vectors: Iterable[Tensor]) -> Tensor:
    """The entry of largest magnitude over models; of equal magnitudes + wins, so that no order of models matters.

    Example:
        >>> largest(torch.tensor([[1.0, -3.0, -2.0, 0.0], [3.0, 1.0, 2.0, 0.0]])).tolist()
        [3.0, -3.0, 2.0, 0.0]
    """
    high, low = None, None
    for vector in vectors:
        high = vector if high is None else torch.maximum(high, vector)
        low = vector if low is None else torch.minimum(low, vector)
    return torch.where(high >= -low, high, low)


def _masses(vectors: Iterable[Tensor]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of each entry: mass and number of the models that rise, and of those that fall, as (up, down, ups, downs)."""
    up, down, ups, downs = None, None, None, None
    for vector in vectors:
        risen, fallen = vector.clamp(min=0), (-vector).clamp(min=0)
        if up is None:
            up, down = risen, fallen
            ups, downs = (vector > 0).to(vector.dtype), (vector < 0).to(vector.dtype)
            continue
        up += risen
        down += fallen
        ups += vector > 0
        downs += vector < 0
    return up, down, ups, downs


def _folded(vectors: Iterable[Tensor]) -> tuple[Tensor, int]:
    iterator = iter(vectors)
    summed, count = next(iterator), 1
    for vector in iterator:
        summed, count = summed + vector, count + 1
    return summed, count


CONSENSUS: Mapping[str, Callable[[Iterable[Tensor]], Tensor]] = MappingProxyType(
    {
        "sum": total, "mean": mean, "elect": elect_and_merge, "elect_sum": elect_and_sum,
        "elect_largest": elect_and_take_largest, "largest": largest,
    }
)  # fmt: skip
