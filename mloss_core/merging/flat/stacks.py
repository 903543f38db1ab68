"""One tensor of all models, worked on a band of rows at a time: on whole tensors memory is what takes the time."""

import functools
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from mloss_core.merging.inputs import MergeInputs

BAND = 1 << 17
"""Entries of all models together that are worked on at a time, so that they stay in a processor's cache."""


class UnfitError(Exception):
    """A tensor cannot be worked on for all models at once: one model at a time then. Never leaves the flat family."""


class ModelStack:
    """A tensor of the pretrained and of every fine-tuned model, as rows on the CPU.

    Args:
        inputs, key: of the merge and the tensor.

    Attributes:
        shape: the tensor's own; a tensor without rows has one entry a row.
        rows, width: how many rows, and entries in each.
        models: how many models.

    Raises:
        UnfitError: weights that are not in float32 or less on the CPU, or pre-processed.
    """

    def __init__(self, inputs: MergeInputs, key: str) -> None:
        if not stackable(inputs):
            raise UnfitError
        parts = [state[key].detach() for state in (inputs.pretrained, *inputs.finetuned)]
        if not all(map(_fits, parts)):
            raise UnfitError
        self._inputs, self._key, self.shape = inputs, key, parts[0].shape
        self.rows = self.shape[0] if len(self.shape) > 1 else parts[0].numel()
        self.width = parts[0].numel() // self.rows if self.rows else 1
        self.models = len(inputs.finetuned)
        self._parts = [part.reshape(self.rows, self.width) for part in parts]
        self._step = max(1, BAND // max(self.width * self.models, 1))

    @property
    def size(self) -> int:
        """Entries of one model."""
        return self.rows * self.width

    def bands(self) -> Iterator[tuple[slice, np.ndarray]]:
        """The task vectors, float32 (model, rows, row size), and which rows a band holds; yours until the next.

        What fits one band is computed once: change it only when it is not asked for again.

        Raises:
            CheckpointError: weights that are not finite.
        """
        if self.rows <= self._step:
            yield slice(0, self.rows), self._only
            return
        held = self._room(self._step)
        for start in range(0, self.rows, self._step):
            part = slice(start, min(start + self._step, self.rows))
            yield part, self._band(part, held if part.stop - start == self._step else self._room(part.stop - start))
        self._inputs.note_finite(self._key)

    def some(self, offset: int, stride: int) -> np.ndarray:
        """Every so many entries of the task vectors, float32 (model, entries)."""
        base, *tuned = (_numbers(part.reshape(-1)[offset::stride]) for part in self._parts)
        with np.errstate(all="ignore"):
            return np.stack(tuned) - base

    @functools.cached_property
    def _only(self) -> np.ndarray:
        return self._band(slice(0, self.rows), self._room(self.rows))

    def _room(self, rows: int) -> np.ndarray:
        return np.empty((self.models, rows, self.width), dtype=np.float32)

    def _band(self, part: slice, out: np.ndarray) -> np.ndarray:
        base, *tuned = (_numbers(weights[part]) for weights in self._parts)
        with np.errstate(all="ignore"):
            for numbers, vector in zip(tuned, out, strict=True):
                np.subtract(numbers, base, out=vector)
        self._inputs.check_finite(self._key, torch.from_numpy(out))
        return out


def stackable(inputs: MergeInputs) -> bool:
    """Whether a merge's tensors of all models can be worked on at once at all: on the CPU, and not pre-processed."""
    return not inputs.pre and torch.device(inputs.device).type == "cpu"


def numbers_of(weights: Tensor) -> np.ndarray:
    """A tensor as float32.

    Raises:
        UnfitError: weights that are not in float32 or less on the CPU.
    """
    if not _fits(weights):
        raise UnfitError
    return _numbers(weights.detach())


def _fits(part: Tensor) -> bool:
    return part.device.type == "cpu" and torch.promote_types(part.dtype, torch.float32) == torch.float32


def _numbers(part: Tensor) -> np.ndarray:
    return (part if part.dtype == torch.float32 else part.to(torch.float32)).numpy()
