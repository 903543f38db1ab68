"""Options of pre- and post-processors. Imports no torch."""

import dataclasses

from mloss_core.merging.sparsifiers.keep_rates import RANKINGS, SCHEDULES
from mloss_core.merging.sparsifiers.steps import Drop, RowGuide
from mloss_core.options import check_options, option

RULES = ("magnitude", "bernoulli")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DropOptions:
    """Drop at random and rescale."""

    keep_rate: float = option(
        0.7,
        label="Keep rate",
        letter="k",
        minimum=0.0,
        maximum=1.0,
        step=0.05,
        help="Chance that an entry of a task vector stays; what stays is divided by it.",
    )

    def __post_init__(self) -> None:
        check_options(self)

    def step(self) -> Drop:
        """What is done, as data."""
        return Drop(self.keep_rate)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GuideOptions:
    """Keep rates from M-Loss for the rows of the scored weights; all else stays as it is."""

    keep_rate: float = option(
        0.8,
        label="Keep rate",
        letter="k",
        minimum=0.0,
        maximum=1.0,
        step=0.05,
        help="Fraction kept in the least conflicted row.",
    )
    span: float = option(
        0.1,
        label="Span",
        letter="e",
        minimum=0.0,
        maximum=1.0,
        step=0.025,
        help="How far the keep rate falls from the least to the most conflicted row; 0 is the control without M-Loss.",
    )
    ranking: str = option(
        "rank",
        label="Ranking",
        choices=RANKINGS,
        help="How M-Loss becomes a place in the span. reversed, random, uniform (same budget) and none are controls.",
    )
    schedule: str = option(
        "one_sided",
        label="Schedule",
        choices=tuple(SCHEDULES),
        advanced=True,
        help="Where the span lies: below the keep rate, on both sides of it, or around it with the mean kept.",
    )
    rule: str = option(
        "magnitude",
        label="Scored rows",
        choices=RULES,
        advanced=True,
        help="magnitude keeps the largest changes of each row; bernoulli drops at random and rescales.",
    )

    def __post_init__(self) -> None:
        check_options(self)

    def step(self) -> RowGuide:
        """What is done, as data."""
        return RowGuide(**dataclasses.asdict(self))


@dataclasses.dataclass(frozen=True, kw_only=True)
class SvcOptions:
    """Singular value calibration."""

    floor: float | None = option(
        None,
        label="Floor",
        letter="a",
        minimum=0.01,
        maximum=1.0,
        step=0.05,
        advanced=True,
        help="Least share that a model is taken to have in a direction: it bounds how far a singular value grows. By "
        "default 1 / number of models; the published settings have 0.1.",
    )
    qkv: str = option(
        "as_stored",
        label="Attention weight",
        choices=("as_stored", "split"),
        advanced=True,
        help="Take a fused query-key-value weight as one matrix, as it is stored, or as three.",
    )

    def __post_init__(self) -> None:
        check_options(self)
