"""The images of a split in batches, drawn once and kept while there is room: drawing can cost as much as encoding."""

import threading
from collections import OrderedDict
from collections.abc import Iterator

import torch
from torch import Tensor

from mloss_core.caching import IMAGES, Cache, digest_of
from mloss_core.data.datasets import Dataset, batches


class ImageStore:
    """Images of whole splits, in memory and in the cache.

    Args:
        limit: bytes that the images in memory may take together; those used least recently go first. A split larger
            than that is drawn anew each time.
        disk_limit: bytes up to which a split also goes to the cache, for the next process.
    """

    def __init__(self, limit: int = 256 * 2**20, disk_limit: int = 32 * 2**20) -> None:
        self.limit, self.disk_limit = limit, disk_limit
        self._kept: OrderedDict[tuple[str, str], Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def batches(self, dataset: Dataset, split: str, size: int, cache: Cache | None = None) -> Iterator[Tensor]:
        """All images of a split in order, `size` at a time: float32 (image, 3, side, side), not to be written to."""
        key = (dataset.digest, split)
        images = self._find(key, cache)
        if images is not None:
            yield from images.split(size)
            return
        drawn: list[Tensor] = []
        for batch in batches(dataset, split, size):
            yield batch
            if batch[0].nbytes * dataset.size(split) <= self.limit:
                drawn.append(batch)
        if drawn:
            self._keep(key, torch.cat(drawn), cache)

    def _find(self, key: tuple[str, str], cache: Cache | None) -> Tensor | None:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        entry = None if cache is None else cache.get(IMAGES, digest_of("images", *key))
        if entry is None:
            return None
        images = torch.from_numpy(entry.arrays["images"])
        self._keep(key, images, None)
        return images

    def _keep(self, key: tuple[str, str], images: Tensor, cache: Cache | None) -> None:
        with self._lock:
            self._kept[key] = images
            while sum(kept.nbytes for kept in self._kept.values()) > self.limit:
                self._kept.popitem(last=False)
        if cache is not None and images.nbytes <= self.disk_limit:
            cache.remember(IMAGES, digest_of("images", *key), lambda: ({"split": key[1]}, {"images": images.numpy()}))


STORE = ImageStore()
"""The store of this process."""
