"""The images of a split in batches, drawn once and kept while there is room: drawing can cost as much as encoding."""

import threading
from collections import OrderedDict
from collections.abc import Iterator

import torch
from torch import Tensor

from mloss_core.data.datasets import Dataset, batches


class ImageStore:
    """Images of whole splits in memory; those used least recently go first.

    Args:
        limit: bytes that the kept images may take together. A split larger than that is drawn anew each time.
    """

    def __init__(self, limit: int = 256 * 2**20) -> None:
        self.limit = limit
        self._kept: OrderedDict[tuple[str, str], Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def batches(self, dataset: Dataset, split: str, size: int) -> Iterator[Tensor]:
        """All images of a split in order, `size` at a time: float32 (image, 3, side, side), not to be written to."""
        key = (dataset.digest, split)
        with self._lock:
            images = self._kept.get(key)
            if images is not None:
                self._kept.move_to_end(key)
        if images is not None:
            yield from images.split(size)
            return
        drawn: list[Tensor] = []
        for batch in batches(dataset, split, size):
            if not drawn:
                keep = batch[0].nbytes * dataset.size(split) <= self.limit
            if keep:
                drawn.append(batch)
            yield batch
        if drawn:
            self._keep(key, torch.cat(drawn))

    def _keep(self, key: tuple[str, str], images: Tensor) -> None:
        with self._lock:
            self._kept[key] = images
            while sum(kept.nbytes for kept in self._kept.values()) > self.limit:
                self._kept.popitem(last=False)


STORE = ImageStore()
"""The store of this process."""
