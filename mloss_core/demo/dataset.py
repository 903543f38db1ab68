"""The zoo's datasets: images drawn from their key when they are asked for, and the real scans."""

import functools
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from mloss_core.caching import digest_of
from mloss_core.data.datasets import check_split, normalise
from mloss_core.demo.tasks import Task, first_tasks
from mloss_core.demo.tasks.canvas import SIDE, Random, finish, stream
from mloss_core.errors import DatasetError

GENERATOR_VERSION = 2
"""Raise when a change of the drawing code changes any pixel or caption."""
MEAN, STD = (0.5, 0.5, 0.5), (0.28, 0.28, 0.28)
EASY, HARD = (0.0, 0.2), (0.8, 1.0)
"""Hardness of easy pretraining images, and of wild ones and the tasks' own."""
WILD = 0.5
"""Share of pretraining images that are as hard as the tasks' own."""
MISNAMED = (0.2, 0.8)
"""How often the captions of wild images name another class: from the best to the worst named class of a task."""
SIZES = {"pretraining": 12_000, "train": 6000, "val": 500, "test": 1000}
SCANNED_SIZES = {"pretraining": 12_000, "train": 997, "val": 200, "test": 600}
_SAMPLE = 4


class ProceduralDataset:
    """One task's images, each keyed by (seed, task, split, index) and drawn on its own.

    `pretraining` is a further split of easy and wild images; the public ones are train, val and test. Captions of wild
    images are unreliable, as captions found on the web are: each class has another that it is taken for, and a rate at
    which that happens. So the pretrained model sees well but names badly, and fine-tuning has names to set right.
    """

    def __init__(self, task: Task, seed: int = 0, sizes: dict[str, int] | None = None) -> None:
        self.task, self.seed = task, seed
        self.name, self.classes, self.templates = task.name, task.classes, task.templates
        self.sizes = {**(SCANNED_SIZES if task.scanned else SIZES), **(sizes or {})}
        if task.scanned:
            self.sizes = {split: min(size, SCANNED_SIZES[split]) for split, size in self.sizes.items()}
        self._labels: dict[str, Tensor] = {}

    @functools.cached_property
    def digest(self) -> str:
        """SHA-256 of what images follow from, with a sample of pixels: another drawing library changes it."""
        drawn_from = (GENERATOR_VERSION, EASY, HARD, WILD, MISNAMED)
        return digest_of(self.name, self.seed, self.sizes, *drawn_from, self.pixel_digest)

    @functools.cached_property
    def pixel_digest(self) -> str:
        """SHA-256 of a few images of every class's generator."""
        drawn = [self._image("val", index).tobytes().hex() for index in range(min(_SAMPLE, self.sizes["val"]))]
        return digest_of(drawn)

    def size(self, split: str) -> int:
        """Number of images in a split."""
        return self.sizes[split if split == "pretraining" else check_split(split)]

    def labels(self, split: str) -> Tensor:
        """Class of every image, int64 (image,); nothing is drawn for it."""
        if split not in self._labels:
            self._labels[split] = self._found_labels(split)
        return self._labels[split].clone()

    def _found_labels(self, split: str) -> Tensor:
        if self._is_scanned(split):
            first = self._first(split)
            return torch.from_numpy(_scans()[1][first : first + self.size(split)].astype(np.int64))
        return torch.tensor([self._begin(split, index)[1] for index in range(self.size(split))])

    @functools.cached_property
    def confusions(self) -> tuple[tuple[int, float], ...]:
        """For each class the one that captions take it for, and how often they do when the image is wild."""
        count = len(self.classes)
        ring = stream(self.seed, self.name, "confusions").permutation(count)
        taken_for = np.empty(count, np.int64)
        taken_for[ring] = np.roll(ring, 1)
        rates = stream(self.seed, self.name, "rates").permutation(np.linspace(*MISNAMED, count))
        return tuple(zip(taken_for.tolist(), rates.tolist(), strict=True))

    def captioned(self) -> Tensor:
        """Class that the caption of every pretraining image names, int64 (image,)."""
        named = []
        for index in range(self.size("pretraining")):
            _, label, wild = self._begin("pretraining", index)
            other, rate = self.confusions[label]
            said = stream(self.seed, self.name, "caption", index).random()
            named.append(other if wild and said < rate else label)
        return torch.tensor(named)

    def pixels(self, split: str, indices: Sequence[int]) -> np.ndarray:
        """Chosen images, uint8 (image, side, side, 3)."""
        count = self.size(split)
        wrong = [index for index in indices if not 0 <= index < count]
        if wrong:
            raise DatasetError(f"{self.name} has {count} {split} images (0 to {count - 1}); found index {wrong[0]}.")
        if not len(indices):
            return np.zeros((0, SIDE, SIDE, 3), np.uint8)
        return np.stack([self._image(split, int(index)) for index in indices])

    def images(self, split: str, indices: Sequence[int], preprocess: str = "model") -> Tensor:
        """Chosen images for the encoder, float32 (image, 3, side, side)."""
        mean, std = (MEAN, STD) if preprocess == "model" else ((0.0,) * 3, (1.0,) * 3)
        return normalise(self.pixels(split, indices), mean, std)

    def _is_scanned(self, split: str) -> bool:
        return self.task.scanned and split != "pretraining"

    def _first(self, split: str) -> int:
        """Where a split of the scans begins in their shuffled order: train, then val, then test."""
        before = {"train": (), "val": ("train",), "test": ("train", "val")}[split]
        return sum(SCANNED_SIZES[name] for name in before)

    def _begin(self, split: str, index: int) -> tuple[Random, int, bool]:
        """The random stream of an image after its first draws: its class, and whether it is wild."""
        random = stream(self.seed, self.name, split, index)
        label = int(random.integers(len(self.classes)))
        return random, label, split != "pretraining" or random.random() < WILD

    def _image(self, split: str, index: int) -> np.ndarray:
        if self._is_scanned(split):
            scan = Image.fromarray(_scans()[0][self._first(split) + index])
            enlarged = np.asarray(scan.resize((SIDE, SIDE), Image.Resampling.BICUBIC))
            return np.repeat(enlarged[..., None], 3, 2)
        random, label, wild = self._begin(split, index)
        hardness = float(random.uniform(*(HARD if wild else EASY)))
        return finish(self.task.draw(random, label, hardness), random, hardness)


@functools.lru_cache(maxsize=1)
def _scans() -> tuple[np.ndarray, np.ndarray]:
    """scikit-learn's bundled digits, shuffled once: uint8 (image, 8, 8) and labels (image,)."""
    rows = _bundled_digits()
    rows = rows[stream("scanned digits").permutation(len(rows))]
    return (rows[:, :-1].reshape(-1, 8, 8) * 15.9375).astype(np.uint8), rows[:, -1].astype(np.int64)


def _bundled_digits() -> np.ndarray:
    """Rows of 64 grey values from 0 to 16 and the label, (image, 65).

    The file is read where it lies: importing scikit-learn takes two seconds, which the first view would wait for.
    """
    package = importlib.util.find_spec("sklearn")
    folder = Path(package.origin).parent if package and package.origin else Path()
    file = folder / "datasets" / "data" / "digits.csv.gz"
    if file.is_file():
        return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    digits = load_digits()
    return np.column_stack([digits.data, digits.target])


def demo_datasets(
    seed: int = 0, sizes: dict[str, int] | None = None, tasks: Mapping[str, Task] | None = None
) -> dict[str, ProceduralDataset]:
    """The datasets of these tasks by name; of the first eight unless told."""
    chosen = first_tasks(8) if tasks is None else tasks
    return {name: ProceduralDataset(task, seed, sizes) for name, task in chosen.items()}
