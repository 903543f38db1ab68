"""Trims of all models at once: where each model's magnitudes are cut, and the cutting, a band at a time."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from mloss_core.merging.flat.stacks import ModelStack, UnfitError
from mloss_core.merging.sparsifiers.order_statistics import GlobalCut
from mloss_core.merging.sparsifiers.sampled_cuts import (
    Bounds,
    NearMagnitudes,
    bounds_of,
    cuts_of,
    held,
    held_cuts,
    near,
    sampled,
)
from mloss_core.merging.sparsifiers.sparsify import trim_rows
from mloss_core.placement import in_order

StackTrim = Callable[[slice, np.ndarray], np.ndarray]
"""Sets to zero what a trim drops of a band (model, rows, row size) with these rows; may change it in place."""


def stacked_cuts(
    stack: Callable[[str], ModelStack],
    sizes: Mapping[str, int],
    models: int,
    count: int,
    threads: int = 1,
    progress: Callable[[float], None] = lambda fraction: None,
) -> list[GlobalCut]:
    """The cut of each model that keeps its `count` largest magnitudes of all these tensors, the earliest of equal ones.

    Args:
        stack: gives a tensor of all models.
        sizes: entries of each tensor, in the models' order.
        threads: tensors that are worked on at once.
        progress: told the fraction of tensors that were read.

    Raises:
        UnfitError: too many magnitudes are near a threshold, or a tensor cannot be stacked.
        CheckpointError: weights that are not finite.
    """
    if count == 0:
        return [GlobalCut(math.inf, torch.float32)] * models
    bounds = _bounds(stack, sizes, count)
    if bounds is None and len(sizes) == 1:
        (key,) = sizes
        bands = [np.abs(band).reshape(models, -1) for _, band in stack(key).bands()]
        return held_cuts(key, bands[0] if len(bands) == 1 else np.concatenate(bands, axis=1), count)

    def look(key: str) -> NearMagnitudes:
        bands = (np.abs(band).reshape(models, -1) for _, band in stack(key).bands())
        return held(bands, models) if bounds is None else near(bands, bounds)

    found: dict[str, NearMagnitudes] = {}
    for key, one in zip(sizes, in_order(look, sizes, threads), strict=True):
        progress(len(found) / len(sizes))
        found[key] = one
        if sum(each.held for each in found.values()) > NEAR:
            raise UnfitError
    return _all(cuts_of(found, count, models))


NEAR = 1 << 24
"""Magnitudes near the thresholds of all models together that may be held; 4 bytes each."""


def _bounds(stack: Callable[[str], ModelStack], sizes: Mapping[str, int], count: int) -> Bounds | None:
    """Between which magnitudes the thresholds lie, or None where all are so few that they may be held."""
    total = sum(sizes.values())
    stride = sampled(total)
    if stride == 1:
        return None
    parts, start = [], 0
    for key, size in sizes.items():
        parts.append(np.abs(stack(key).some(-start % stride, stride)))
        start += size
    return bounds_of(np.concatenate(parts, axis=1), count, total)


def _all(cuts: Iterable[GlobalCut | None]) -> list[GlobalCut]:
    found = [cut for cut in cuts if cut is not None]
    if len(found) < len(list(cuts)):
        raise UnfitError
    return found


class CutTrim:
    """Keeps of each model's tensor what is above its cut, and of what equals it the earliest; bands come in order."""

    def __init__(self, cuts: Sequence[GlobalCut], key: str) -> None:
        if any(cut.dtype != torch.float32 for cut in cuts):
            raise UnfitError
        self._thresholds = np.array([cut.threshold for cut in cuts], dtype=np.float32)
        self._limits = _limits(cuts, [key])
        self._room = {
            model: (cut.equal or {})[key] for model, cut in enumerate(cuts) if key == cut.partial and cut.equal
        }

    def __call__(self, rows: slice, band: np.ndarray) -> np.ndarray:
        magnitude = np.abs(band)
        keep = magnitude > self._limits
        for model, room in self._room.items():
            if room:
                self._room[model] -= _keep_first(magnitude[model], self._thresholds[model], room, keep[model])
        return _masked(band, keep)


class CutTrims:
    """`CutTrim` of several tensors at once, (model, tensor, entries), whose equal entries no cut keeps in part."""

    def __init__(self, cuts: Sequence[GlobalCut], keys: Sequence[str]) -> None:
        if any(cut.dtype != torch.float32 or cut.partial in keys for cut in cuts):
            raise UnfitError
        self._limits = _limits(cuts, keys)

    def __call__(self, rows: slice, band: np.ndarray) -> np.ndarray:
        return _masked(band, np.abs(band) > self._limits[:, rows])


def _limits(cuts: Sequence[GlobalCut], keys: Sequence[str]) -> np.ndarray:
    """What a magnitude must be above to be kept in any case, (model, tensor, 1)."""
    thresholds = np.array([[cut.threshold] for cut in cuts], dtype=np.float32)
    whole = np.array([[key != cut.partial and cut.keeps_equal(key) for key in keys] for cut in cuts])
    # Above the number just below it lies what equals a threshold too.
    return np.where(whole, np.nextafter(thresholds, np.float32(-np.inf)), thresholds)[:, :, np.newaxis]


def _masked(band: np.ndarray, keep: np.ndarray) -> np.ndarray:
    """What is kept of a band, in its memory. Bit patterns times 0 or 1 are exact, and what goes is +0.0."""
    bits = band.view(np.int32)
    np.multiply(bits, keep, out=bits)
    return band


def _keep_first(magnitude: np.ndarray, threshold: np.float32, room: int, keep: np.ndarray) -> int:
    """Mark the first entries that equal the threshold as kept; how many there were, at most `room`."""
    equal = magnitude == threshold
    if not np.count_nonzero(equal):
        return 0
    places = np.flatnonzero(equal)[:room]
    keep.reshape(-1)[places] = True
    return len(places)


class RowTrim:
    """Keeps of every row floor(keep rate * row size) entries of largest magnitude; keep rates are float64 (rows,)."""

    def __init__(self, keep_rates: Tensor) -> None:
        self._rates = keep_rates

    def __call__(self, rows: slice, band: np.ndarray) -> np.ndarray:
        vectors = torch.from_numpy(band).flatten(0, 1)
        return trim_rows(vectors, self._rates[rows].repeat(len(band))).view(band.shape).numpy()
