"""The handful of unlabeled images on which M-Loss and alignment are measured. They come from the training split."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from mloss_core.caching import digest_of
from mloss_core.data.datasets import Dataset, listing_of
from mloss_core.errors import DatasetError

if TYPE_CHECKING:
    from mloss_core.zoo.model import Zoo

REFERENCE_POOL = (0.01, 100, 500)
"""The published code's pool: this share of a training split, held between these two counts."""
REFERENCE_BATCHES, REFERENCE_BATCH = 8, 128
"""Batches that each block takes from the pool, and images of a batch."""


@dataclasses.dataclass(frozen=True)
class CalibrationSet:
    """Images with the task and the training index that each came from.

    Args:
        images: float32 (image, 3, side, side), on the CPU.
        task: position in `tasks` of each image's task, (image,).
        index: its index in that task's training split, (image,).
        tasks: names of the tasks drawn from.
        digest: SHA-256 over datasets, indices and preprocessing.
        listing: the same over `listing_of` the datasets, for what is drawn at random beside the images.
    """

    images: Tensor
    task: np.ndarray
    index: np.ndarray
    tasks: tuple[str, ...]
    digest: str
    listing: str

    def __len__(self) -> int:
        return len(self.task)

    def take(self, positions: np.ndarray) -> "CalibrationSet":
        """Some of the images, by position."""
        chosen = [int(position) for position in positions]
        digests = (digest_of(self.digest, chosen), digest_of(self.listing, chosen))
        images = self.images[torch.as_tensor(positions)]
        return CalibrationSet(images, self.task[positions], self.index[positions], self.tasks, *digests)

    def renumbered(self, places: Sequence[int], tasks: tuple[str, ...]) -> "CalibrationSet":
        """The same images, all of the tasks at these places, as those of a zoo with these tasks alone."""
        position = {place: number for number, place in enumerate(places)}
        return dataclasses.replace(self, task=np.array([position[int(place)] for place in self.task]), tasks=tasks)


def draw_calibration(
    zoo: "Zoo",
    tasks: "tuple[str, ...] | None" = None,
    *,
    samples_per_task: int = 16,
    seed: int = 0,
    sampling: str = "balanced",
    preprocess: str = "model",
) -> CalibrationSet:
    """Draw unlabeled training images, reproducibly.

    Balanced sampling takes `samples_per_task` from every task; a larger number extends the smaller draw. Reference
    sampling takes each task's whole pool (1 % of the training split, held between 100 and 500).

    Raises:
        DatasetError: a training split with fewer images than asked for.
        ZooError: a task without a dataset.
    """
    chosen = zoo.check_tasks(tasks)
    task, index, images, keys, listings = [], [], [], [], []
    zoo.require_datasets(chosen, "M-Loss needs")
    for position, name in enumerate(chosen):
        dataset = zoo.datasets[name]
        picked = _picked(dataset, samples_per_task, seed, sampling)
        images.append(dataset.images("train", picked.tolist(), preprocess))
        task.append(np.full(len(picked), position))
        index.append(picked)
        keys.append([dataset.digest, picked.tolist()])
        listings.append([listing_of(dataset), picked.tolist()])
    digests = (digest_of(keys, preprocess), digest_of(listings, preprocess))
    return CalibrationSet(torch.cat(images), np.concatenate(task), np.concatenate(index), chosen, *digests)


def drawn_indices(dataset: Dataset, count: int, seed: int = 0, split: str = "train") -> np.ndarray:
    """The first `count` indices of a fixed shuffle of a split, so that a larger draw extends a smaller one."""
    key = int(digest_of("calibration", seed, listing_of(dataset), *([] if split == "train" else [split]))[:16], 16)
    return np.random.default_rng(key).permutation(dataset.size(split))[:count]


def reference_pool_size(count: int) -> int:
    """Images of a training split of `count` that the published code draws from."""
    share, low, high = REFERENCE_POOL
    return min(high, max(low, int(share * count)), count)


def small_pools(zoo: "Zoo", tasks: Sequence[str]) -> dict[str, int]:
    """Training images of the tasks that have fewer than the published code's smallest draw."""
    sizes = {task: zoo.datasets[task].size("train") for task in tasks}
    return {task: size for task, size in sizes.items() if size < REFERENCE_POOL[1]}


def reference_shares(images: int, blocks: Sequence[int], seed: int) -> np.ndarray:
    """How much each image of the pool counts at each block, float32 (block, image), rows summing to 1.

    The pool is shuffled once into batches of 128, the last of them smaller; each block takes the next 8, from the
    front again where they end. Batches count equally, so an image of the smaller one counts more.
    """
    order = np.random.default_rng(seed).permutation(images)
    batches = [order[first : first + REFERENCE_BATCH] for first in range(0, images, REFERENCE_BATCH)]
    shares = np.zeros((len(blocks), images), np.float32)
    for row, block in enumerate(blocks):
        for step in range(REFERENCE_BATCHES):
            batch = batches[(block * REFERENCE_BATCHES + step) % len(batches)]
            shares[row, batch] += 1 / (REFERENCE_BATCHES * len(batch))
    return shares


def _picked(dataset: Dataset, samples: int, seed: int, sampling: str) -> np.ndarray:
    """Indices of the training split, without replacement, the first `samples` of a fixed shuffle."""
    count = dataset.size("train")
    wanted = reference_pool_size(count) if sampling == "reference" else samples
    if wanted > count:
        raise DatasetError(f"{dataset.name} has {count} training images; {wanted} were asked for. Ask for fewer.")
    return drawn_indices(dataset, wanted, seed)
