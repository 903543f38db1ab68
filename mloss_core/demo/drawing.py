"""Whole splits drawn at once and kept as bytes, in several processes where that helps."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from contextlib import AbstractContextManager, nullcontext

import numpy as np
from torch import Tensor

from mloss_core.data.datasets import normalise
from mloss_core.demo.dataset import MEAN, STD, ProceduralDataset

_PIECE = 1000
Pool = ProcessPoolExecutor | None


class DrawnImages:
    """Images kept as uint8 (image, side, side, 3), a quarter of the size of what the encoder sees."""

    def __init__(self, pixels: np.ndarray) -> None:
        self.pixels = pixels

    def __call__(self, indices: Tensor) -> Tensor:
        """Chosen images for the encoder, float32 (image, 3, side, side)."""
        return normalise(self.pixels[indices.numpy()], MEAN, STD)


def drawing_pool(processes: int) -> AbstractContextManager[Pool]:
    """A context with that many further processes to draw in, or none for one."""
    if processes < 2:
        return nullcontext()
    return ProcessPoolExecutor(processes, multiprocessing.get_context("spawn"))


def draw_split(dataset: ProceduralDataset, split: str, pool: Pool = None) -> DrawnImages:
    """All images of a split."""
    count = dataset.size(split)
    pieces = [range(first, min(first + _PIECE, count)) for first in range(0, count, _PIECE)]
    several = [dataset] * len(pieces), [split] * len(pieces), pieces
    return DrawnImages(np.concatenate(list((pool.map if pool else map)(_draw, *several))))


def _draw(dataset: ProceduralDataset, split: str, indices: range) -> np.ndarray:
    return dataset.pixels(split, indices)
