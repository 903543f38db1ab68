"""How an encoder is fine-tuned, as data. Imports no torch."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from mloss_core.options import check_options, option

EPOCHS: Mapping[str, int] = MappingProxyType(
    {
        "cars": 35,
        "dtd": 76,
        "eurosat": 12,
        "gtsrb": 11,
        "mnist": 5,
        "resisc45": 15,
        "sun397": 14,
        "svhn": 4,
        "flowers102": 147,
        "pcam": 1,
    }
)
"""Passes over the training images in the published fine-tunings, by task."""
USUAL_EPOCHS = 10


@dataclasses.dataclass(frozen=True, kw_only=True)
class FinetuneOptions:
    """How an encoder is fine-tuned. The defaults are those of the field's published checkpoints."""

    epochs: float | None = option(
        None,
        label="Epochs",
        minimum=0.001,
        maximum=10_000,
        step=1.0,
        help="Passes over the training images; by default as published for the task (Cars 35, DTD 76, EuroSAT 12, "
        f"GTSRB 11, MNIST 5, RESISC45 15, SUN397 14, SVHN 4), else {USUAL_EPOCHS}.",
    )
    batch: int = option(128, label="Batch", minimum=1, help="Images in an update.")
    learning_rate: float = option(1e-5, label="Learning rate", minimum=0.0, help="Peak learning rate.")
    warmup: int = option(500, label="Warm-up", minimum=0, help="Updates until the peak, at most a fifth of all.")
    weight_decay: float = option(0.1, label="Weight decay", minimum=0.0, help="Decay of matrices.")
    clip: float = option(1.0, label="Clipping", minimum=0.0, help="Largest gradient norm.")
    optimizer: str = option("adamw", label="Optimizer", choices=("adamw", "sgd"), help="Which update rule.")
    augment: str = option(
        "crop",
        label="Augmentation",
        choices=("crop", "none"),
        help="crop: a random 90 to 100 % of each prepared image, resized; none: the prepared images as they are.",
    )
    seed: int = option(0, label="Seed", minimum=0, maximum=2**31 - 1, help="Seed of batches and augmentation.")

    def __post_init__(self) -> None:
        check_options(self)
