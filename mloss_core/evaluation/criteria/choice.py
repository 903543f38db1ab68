"""By what, and on which images, a scale or a threshold is chosen. No torch."""

import dataclasses
from typing import Any

from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.criteria.records import CRITERIA, get_criterion

SOURCES = {"train": "training images without their labels", "val": "validation images with their labels hidden"}
"""Where the images of criteria without labels may come from, and how to say it."""
IMAGES = 64
"""Images of each task that a criterion looks at when nobody says otherwise."""


def check_images(images: int | None, source: str) -> None:
    """Check what criteria without labels look at.

    Args:
        images: of each task at most; None for all.
        source: `train` or `val`.

    Raises:
        InvalidOptionError: no image, or no such source.
    """
    if images is not None and images < 1:
        raise InvalidOptionError(f"images of each task must be at least 1; found {images}.")
    if source not in SOURCES:
        raise InvalidOptionError(f"images without labels come from {' or '.join(SOURCES)}; found {source!r}.")


@dataclasses.dataclass(frozen=True)
class Choice:
    """By what, and on which images, something is chosen.

    Args:
        criterion: key of `CRITERIA`.
        images: of each task at most, for criteria without labels; None for all.
        source: where those come from: `train` or `val`.
        seed: of their draw.

    Raises:
        UnknownNameError: no such criterion. InvalidOptionError: no image, or no such source.

    `validation` reads labels: it takes all validation images, or as many as the zoo is limited to, in any case.
    """

    criterion: str = "validation"
    images: int | None = IMAGES
    source: str = "train"
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be."""
        check_images(self.images, self.source)
        get_criterion(self.criterion)

    @classmethod
    def of(cls, choice: "str | Choice") -> "Choice":
        """A choice from the name of its criterion; one that is a choice already stays."""
        return choice if isinstance(choice, Choice) else cls(choice)

    @property
    def labels(self) -> bool:
        """Whether it reads labels."""
        return CRITERIA[self.criterion].labels

    @property
    def split(self) -> str:
        """Where its images come from."""
        return "val" if self.labels else self.source

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON: of `images` and `source` only what plays a part."""
        found: dict[str, Any] = {"choose_by": self.criterion, "labels": self.labels, "split": self.split}
        return found if self.labels else {**found, "images_per_task": self.images, "draw": self.seed}


VALIDATION = Choice()
"""By accuracy on validation images."""


def images_words(choice: Choice) -> str:
    """What its images are: `training images without their labels`."""
    return "validation images" if choice.labels else SOURCES[choice.source]
