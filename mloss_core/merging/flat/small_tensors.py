"""Small tensors of one shape, merged together: for a few hundred weights it is the calls that take the time."""

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import torch

from mloss_core.merging.flat.stacked_trims import StackTrim
from mloss_core.merging.flat.stacks import UnfitError, numbers_of
from mloss_core.merging.inputs import MergedTensor, MergeInputs
from mloss_core.merging.tensors.consensus import Consensus
from mloss_core.state_dicts import tensor_shape

SMALL = 1 << 10
"""Entries up to which a tensor is small."""


class SmallTensors:
    """The merged updates of small tensors: those of one shape are made at once, and kept until they are asked for.

    Args:
        inputs: of the merge.
        keys: tensors that may be merged so; those alone of their shape are not.
        trim: makes ready what trims tensors of these names, (model, tensor, entries); None where nothing does.
        consensus: of the models.
    """

    def __init__(
        self,
        inputs: MergeInputs,
        keys: Iterable[str],
        trim: Callable[[Sequence[str]], StackTrim | None],
        consensus: Consensus,
    ) -> None:
        self._inputs, self._trim, self._consensus = inputs, trim, consensus
        self._groups = _of_one_shape({key: tensor_shape(inputs.pretrained, key) for key in keys})
        self._made: dict[str, MergedTensor] = {}
        self._lock = threading.Lock()

    def take(self, key: str) -> MergedTensor | None:
        """The update of one tensor; None where it is not one of several small ones.

        Raises:
            CheckpointError: weights that are not finite.
        """
        if key not in self._groups:  # Nearly all large ones: no thread waits for another because of them.
            return None
        with self._lock:
            if key not in self._made and key in self._groups:
                group = self._groups[key]
                try:
                    self._made.update(self._together(group))
                except UnfitError:
                    self._groups = {name: each for name, each in self._groups.items() if name not in group}
            return self._made.pop(key, None)

    def _together(self, keys: tuple[str, ...]) -> Mapping[str, MergedTensor]:
        vectors = self._vectors(keys)
        trim = self._trim(keys)
        trimmed = vectors if trim is None else trim(slice(0, len(keys)), vectors)
        kept = np.count_nonzero(trimmed, axis=(0, 2)) / (trimmed.shape[0] * trimmed.shape[2])
        updates = self._consensus(torch.from_numpy(trimmed))
        shape = tensor_shape(self._inputs.pretrained, keys[0])
        return {
            key: MergedTensor(update.reshape(shape).clone(), share)
            for key, update, share in zip(keys, updates, kept.tolist(), strict=True)
        }

    def _vectors(self, keys: tuple[str, ...]) -> np.ndarray:
        """Task vectors, float32 (model, tensor, entries)."""
        inputs = self._inputs
        base, *tuned = (
            np.stack([numbers_of(state[key]).reshape(-1) for key in keys])
            for state in (inputs.pretrained, *inputs.finetuned)
        )
        with np.errstate(all="ignore"):
            vectors = np.stack(tuned) - base
        if not np.isfinite(vectors).all():
            for place, key in enumerate(keys):
                inputs.check_finite(key, torch.from_numpy(vectors[:, place]))
        return vectors


def _of_one_shape(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tuple[str, ...]]:
    """For each small tensor that is not alone of its shape, all of that shape."""
    groups: dict[tuple[int, ...], list[str]] = {}
    for key, shape in shapes.items():
        if 0 < math.prod(shape) <= SMALL:
            groups.setdefault(shape, []).append(key)
    return {key: tuple(group) for group in groups.values() if len(group) > 1 for key in group}
