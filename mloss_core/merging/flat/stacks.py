"""One tensor of all models, worked on a band of rows at a time: on whole tensors memory is what takes the time."""

import dataclasses
import math
from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from mloss_core.merging.inputs import MergeInputs

BAND = 1 << 17
"""Entries of all models together that are worked on at a time, so that they stay in a processor's cache."""


class UnfitError(Exception):
    """A tensor cannot be worked on for all models at once: one model at a time then. Never leaves the flat family."""


@dataclasses.dataclass(frozen=True)
class ModelStack:
    """A tensor of the pretrained and of every fine-tuned model, each (rows, row size) on the CPU.

    Args:
        inputs, key: of the merge and the tensor.
        shape: the tensor's own.
        base, tuned: float32 or narrower.
    """

    inputs: MergeInputs
    key: str
    shape: torch.Size
    base: Tensor
    tuned: tuple[Tensor, ...]

    @property
    def size(self) -> int:
        """Entries of one model."""
        return self.base.numel()

    def bands(self) -> Iterator[tuple[slice, np.ndarray]]:
        """The task vectors, float32 (model, rows, row size), with the rows that a band holds; yours until the next.

        Raises:
            CheckpointError: weights that are not finite.
        """
        rows, width = self.base.shape
        step = max(1, BAND // max(width * len(self.tuned), 1))
        held = np.empty((len(self.tuned), min(step, rows), width), dtype=np.float32)
        for start in range(0, rows, step):
            part = slice(start, min(start + step, rows))
            band = held if part.stop - start == held.shape[1] else np.empty_like(held[:, : part.stop - start])
            base = _numbers(self.base[part])
            for vector, tuned in zip(band, self.tuned, strict=True):
                np.subtract(_numbers(tuned[part]), base, out=vector)
            # The sum shows every NaN and infinity and costs less than a look at each entry.
            if not math.isfinite(float(torch.from_numpy(band).sum())):
                self._check_finite()
            yield part, band

    def some(self, offset: int, stride: int) -> np.ndarray:
        """Every so many entries of the task vectors, float32 (model, entries)."""
        base, *tuned = (_numbers(part.reshape(-1)[offset::stride]) for part in (self.base, *self.tuned))
        return np.stack(tuned) - base

    def _check_finite(self) -> None:
        for model in self.inputs.models:
            self.inputs.task_vector(model, self.key)


def stack_of(inputs: MergeInputs, key: str) -> ModelStack:
    """The tensor of all models.

    Raises:
        UnfitError: weights that are not in float32 or less on the CPU, or pre-processed.
    """
    if inputs.pre or torch.device(inputs.device).type != "cpu":
        raise UnfitError
    parts = [state[key].detach() for state in (inputs.pretrained, *inputs.finetuned)]
    if any(torch.promote_types(part.dtype, torch.float32) != torch.float32 for part in parts):
        raise UnfitError
    if any(part.device.type != "cpu" for part in parts):
        raise UnfitError
    shape = parts[0].shape
    rows = shape[0] if len(shape) > 1 else parts[0].numel()
    base, *tuned = (part.reshape(rows, -1) if part.numel() else part.reshape(0, 1) for part in parts)
    return ModelStack(inputs, key, shape, base, tuple(tuned))


def _numbers(part: Tensor) -> np.ndarray:
    return part.to(torch.float32).numpy()
