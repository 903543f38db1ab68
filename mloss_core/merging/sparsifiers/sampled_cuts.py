"""The cuts of several models at once: magnitudes near the thresholds alone are held, where a sample says they are."""

import dataclasses
import math
from collections.abc import Iterable, Mapping

import numpy as np
import torch

from mloss_core.merging.sparsifiers.order_statistics import GlobalCut, cut_at

_HELD = 1 << 15
"""Entries of a model up to which all are held."""


@dataclasses.dataclass(frozen=True)
class Bounds:
    """Between which magnitudes each model's threshold lies, as far as a sample shows; float32 (model, 1) each."""

    low: np.ndarray
    high: np.ndarray


@dataclasses.dataclass(frozen=True)
class NearMagnitudes:
    """What a tensor has near the thresholds.

    Args:
        near: for each model its magnitudes within the bounds.
        above: for each model how many are larger.
    """

    near: tuple[np.ndarray, ...]
    above: tuple[int, ...]

    @property
    def held(self) -> int:
        """Magnitudes of all models together."""
        return sum(map(len, self.near))


def sampled(total: int) -> int:
    """Of how many entries of a model one is looked at for the bounds; 1 where all may be held.

    The larger a sample the fewer entries lie near its bounds; total^(2/3) of them are quickest in all.
    """
    return 1 if total <= _HELD else round(total ** (1 / 3))


def bounds_of(sample: np.ndarray, count: int, total: int) -> Bounds:
    """Bounds of the count-th largest of `total` magnitudes, four standard errors around its place in a sample.

    Args:
        sample: (model, some) magnitudes.
        count: from 1 to total.
    """
    size = sample.shape[1]
    place, margin = (total - count) * size // total, 2 * math.isqrt(size)
    first, last = place - margin, place + margin
    ordered = np.partition(sample, sorted({max(first, 0), min(last, size - 1)}), axis=1)
    low = ordered[:, [first]] if first >= 0 else np.full_like(ordered[:, :1], -1.0)
    high = ordered[:, [last]] if last < size else np.full_like(ordered[:, :1], np.inf)
    return Bounds(low, high)


def near(bands: Iterable[np.ndarray], bounds: Bounds) -> NearMagnitudes:
    """What a tensor's bands of magnitudes, (model, entries) each, have near the thresholds."""
    models = len(bounds.low)
    parts: list[list[np.ndarray]] = [[] for _ in range(models)]
    above = [0] * models
    for magnitude in bands:
        high_enough = magnitude >= bounds.low
        inside = magnitude <= bounds.high
        inside &= high_enough
        for model in range(models):
            part = magnitude[model][inside[model]]
            parts[model].append(part)
            above[model] += int(np.count_nonzero(high_enough[model])) - len(part)
    return NearMagnitudes(tuple(map(_joined, parts)), tuple(above))


def held(bands: Iterable[np.ndarray], models: int) -> NearMagnitudes:
    """All magnitudes of a tensor."""
    parts = [band.copy() for band in bands]
    whole = np.concatenate(parts, axis=1) if parts else np.empty((models, 0), np.float32)
    return NearMagnitudes(tuple(whole), (0,) * models)


def held_cuts(key: str, magnitude: np.ndarray, count: int) -> list[GlobalCut]:
    """For each model the cut that keeps its `count` largest magnitudes of one tensor, (model, entries)."""
    place = magnitude.shape[1] - count
    thresholds = np.partition(magnitude, place, axis=1)[:, [place]]
    # Counting a row of truth values is many times faster than counting them all along an axis.
    above, equal = (map(np.count_nonzero, marks) for marks in (magnitude > thresholds, magnitude == thresholds))
    found = zip(thresholds[:, 0].tolist(), above, equal, strict=True)
    return [cut_at(threshold, torch.float32, {key: int(same)}, count - int(more)) for threshold, more, same in found]


def cuts_of(found: Mapping[str, NearMagnitudes], count: int, models: int) -> list[GlobalCut | None]:
    """For each model the cut that keeps its `count` largest magnitudes; None where its threshold was not near."""
    return [_cut(found, count, model) for model in range(models)]


def _cut(found: Mapping[str, NearMagnitudes], count: int, model: int) -> GlobalCut | None:
    numbers = _joined([one.near[model] for one in found.values()])
    rank = count - sum(one.above[model] for one in found.values())
    if not 0 < rank <= len(numbers):
        return None
    threshold = np.partition(numbers, len(numbers) - rank)[len(numbers) - rank]
    room = rank - int(np.count_nonzero(numbers > threshold))
    equal = {key: int(np.count_nonzero(one.near[model] == threshold)) for key, one in found.items()}
    return cut_at(float(threshold), torch.float32, equal, room)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    if len(parts) == 1:
        return parts[0]
    return np.concatenate(parts) if parts else np.empty(0, np.float32)
