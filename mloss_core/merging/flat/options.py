"""What the options of flat methods share. Imports no torch."""

import dataclasses
from typing import Any

from mloss_core.merging.flat.plan import FlatPlan
from mloss_core.merging.sparsifiers.keep_rates import RANKINGS, SCHEDULES
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


def span_option() -> Any:
    """How far keep rates fall by M-Loss: papers' e."""
    return option(
        0.1,
        label="Span",
        letter="e",
        minimum=0.0,
        maximum=1.0,
        step=0.025,
        help="How far the keep rate falls from the least to the most conflicted row; 0 is the control without M-Loss.",
    )


def ranking_option() -> Any:
    """How M-Loss orders rows."""
    return option(
        "rank",
        label="Ranking",
        choices=RANKINGS,
        help="How M-Loss becomes a place in the span. reversed, random, uniform (same budget) and none are controls.",
    )


def schedule_option() -> Any:
    """Where the span lies around the keep rate."""
    return option(
        "one_sided",
        label="Schedule",
        choices=tuple(SCHEDULES),
        advanced=True,
        help="Where the span lies: below the keep rate, on both sides of it, or around it with the mean kept.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FlatOptions:
    """Base of the options of flat methods: checked on making, and a plan in other words."""

    def __post_init__(self) -> None:
        check_options(self)

    def plan(self) -> FlatPlan:
        """What these options ask for."""
        return FlatPlan()
