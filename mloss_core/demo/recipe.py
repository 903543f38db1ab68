"""How a zoo is made, in numbers."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from mloss_core.demo.clip import VISION, WIDTH
from mloss_core.demo.dataset import EASY, GENERATOR_VERSION, HARD, MISNAMED, SIZES, WILD
from mloss_core.demo.tasks import Task, first_tasks
from mloss_core.errors import InvalidOptionError
from mloss_core.training.loops import TrainingOptions

PRETRAINING = TrainingOptions(
    steps=2000, batch=256, learning_rate=2e-3, warmup=150, weight_decay=0.05, clip=5.0, beta2=0.98
)
"""Of zoos of up to eight tasks."""
PRETRAINING_OF_MANY = dataclasses.replace(PRETRAINING, steps=3000, batch=320)
"""Of larger ones: each of twenty tasks shows 16 images in an update."""
FINETUNING = {
    "adamw": TrainingOptions(steps=300, batch=128, learning_rate=2.5e-4, warmup=30, weight_decay=0.0, clip=5.0),
    "sgd": TrainingOptions(
        steps=300, batch=128, learning_rate=0.02, warmup=30, weight_decay=0.0, clip=5.0, optimizer="sgd"
    ),
}
"""By update rule; SGD has a momentum of 0.9."""
MAX_SCALE = 20.0
"""Largest logit scale."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DemoRecipe:
    """What a zoo follows from.

    Args:
        seed: of images, initial weights, batches and augmentation.
        tasks: how many; the first ones of the list.
        width: of the vision tower.
        optimiser: of the fine-tunes; pretraining is always AdamW's.
        scale: share of the full training steps and images; below 1 for a quick look that is no good.

    Raises:
        InvalidOptionError: a value that cannot be.
    """

    seed: int = 0
    tasks: int = 8
    width: int = WIDTH
    optimiser: str = "adamw"
    scale: float = 1.0

    def __post_init__(self) -> None:
        first_tasks(self.tasks)
        head = VISION["head_width"]
        if self.width < head or self.width % head:
            raise InvalidOptionError(f"the width must be a multiple of {head}; found {self.width}.")
        if self.optimiser not in FINETUNING:
            raise InvalidOptionError(f"the optimiser is one of {', '.join(FINETUNING)}; found {self.optimiser!r}.")

    @property
    def chosen(self) -> Mapping[str, Task]:
        """The tasks by name."""
        return first_tasks(self.tasks)

    @property
    def sizes(self) -> dict[str, int]:
        """Sizes of the splits where they differ from the full zoo's."""
        if self.scale >= 1:
            return {}
        few = {split: max(64, int(self.scale * SIZES[split])) for split in ("pretraining", "train")}
        return few | {"val": 40, "test": 60}

    @property
    def pretraining(self) -> TrainingOptions:
        """How both towers are trained."""
        return self._scaled(PRETRAINING if self.tasks <= 8 else PRETRAINING_OF_MANY)

    @property
    def finetuning(self) -> TrainingOptions:
        """How a copy is trained on its task."""
        return self._scaled(FINETUNING[self.optimiser])

    def _scaled(self, options: TrainingOptions) -> TrainingOptions:
        if self.scale >= 1:
            return options
        steps, warmup = max(2, int(options.steps * self.scale)), int(options.warmup * self.scale)
        return dataclasses.replace(options, steps=steps, warmup=warmup)

    @property
    def base_facts(self) -> dict[str, Any]:
        """What the pretrained model follows from."""
        images = {"easy": EASY, "hard": HARD, "wild": WILD, "misnamed": MISNAMED, "generator": GENERATOR_VERSION}
        chosen = {"seed": self.seed, "tasks": list(self.chosen), "width": self.width, "sizes": self.sizes}
        return {**chosen, **images, "max_scale": MAX_SCALE, "training": vars(self.pretraining)}

    @property
    def task_facts(self) -> dict[str, Any]:
        """What a fine-tuned copy follows from, beside its pretrained model."""
        return {"training": vars(self.finetuning)}
