"""Options of pre- and post-processors. Imports no torch."""

import dataclasses

from mloss_core.merging.flat.options import keep_rate_option, ranking_option, schedule_option, span_option
from mloss_core.merging.sparsifiers.steps import Drop, RowGuide
from mloss_core.options import check_options, option

RULES = ("magnitude", "bernoulli")


@dataclasses.dataclass(frozen=True, kw_only=True)
class DropOptions:
    """Drop at random and rescale."""

    keep_rate: float = keep_rate_option(
        0.7, "Chance that an entry of a task vector stays; what stays is divided by it."
    )

    def __post_init__(self) -> None:
        check_options(self)

    def step(self) -> Drop:
        """What is done, as data."""
        return Drop(self.keep_rate)


@dataclasses.dataclass(frozen=True, kw_only=True)
class GuideOptions:
    """Keep rates from M-Loss for the rows of the scored weights; all else stays as it is."""

    keep_rate: float = keep_rate_option(0.8, "Fraction kept in the least conflicted row.")
    span: float = span_option()
    ranking: str = ranking_option()
    schedule: str = schedule_option()
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
