"""What the options of flat methods share. Imports no torch."""

import dataclasses
from typing import Any

from mloss_core.merging.flat.plan import FlatPlan
from mloss_core.options import check_options, option


def keep_rate_option(
    default: float, help: str, label: str = "Keep rate", letter: str | None = "k", **extra: Any
) -> Any:
    """A fraction that is kept: papers' k."""
    return option(default, label=label, letter=letter, help=help, minimum=0.0, maximum=1.0, step=0.05, **extra)


def scale_option(default: float, letter: str = "λ", more: str = "") -> Any:
    """Factor of the merged update, of every method that has one: papers' lambda or alpha.

    Args:
        more: sentences that its help ends with.
    """
    return option(
        default,
        label="Scale",
        letter=letter,
        minimum=-5.0,
        maximum=5.0,
        step=0.05,
        help=f"Factor of the merged update; 0 gives the pretrained model back, below 0 makes it forget. {more}".strip(),
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FlatOptions:
    """Base of the options of flat methods: checked on making, and a plan in other words."""

    def __post_init__(self) -> None:
        check_options(self)

    def plan(self) -> FlatPlan:
        """What these options ask for."""
        return FlatPlan()
