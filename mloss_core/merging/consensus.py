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
    return torch.where(up >= down, up / ups.clamp(min=1), -down / downs.clamp(min=1))


def _folded(vectors: Iterable[Tensor]) -> tuple[Tensor, int]:
    iterator = iter(vectors)
    summed, count = next(iterator), 1
    for vector in iterator:
        summed, count = summed + vector, count + 1
    return summed, count


CONSENSUS: Mapping[str, Callable[[Iterable[Tensor]], Tensor]] = MappingProxyType(
    {"sum": total, "mean": mean, "elect": elect_and_merge}
)
