"""Options of the methods that choose entries: by size, by rank, or by agreement over models."""

import dataclasses
from typing import Any

from mloss_core.merging.flat.m_ties import MTiesOptions
from mloss_core.merging.flat.options import FlatOptions, scale_option
from mloss_core.merging.flat.plan import FlatPlan
from mloss_core.merging.sparsifiers.steps import Outliers, Trim
from mloss_core.options import option

COMBINES = ("sum", "ties")
"""What masks select from."""
_TIES_KEEP_RATE = 0.2
_UNIT = {"minimum": 0.0, "maximum": 1.0, "step": 0.01}


def _fraction(default: float, label: str, letter: str | None, help: str, **extra: Any) -> Any:
    return option(default, label=label, letter=letter, help=help, **{**_UNIT, **extra})


def _outliers() -> Any:
    return _fraction(
        0.006,
        "Outliers",
        None,
        "Fraction of each tensor, its largest changes, dropped first (1 - the paper's γ).",
        step=0.002,
    )


def _threshold() -> Any:
    return option(
        0.4,
        label="Threshold",
        letter="λ",
        minimum=0.0,
        maximum=5.0,
        step=0.1,
        help="A model wants an entry of the merged update where its own change exceeds this times the distance between "
        "the two; larger values want fewer.",
    )


def _thresholds() -> Any:
    return option(
        None,
        label="Thresholds by task",
        minimum=0.0,
        maximum=5.0,
        advanced=True,
        help="One threshold for each model in the zoo's order, instead of one for all: 0.2,0.4,0.4 say. Choose them on "
        "validation images.",
    )


def _min_agree() -> Any:
    return option(
        2,
        label="Models that agree",
        letter="k",
        minimum=0,
        maximum=100,
        step=1,
        help="How many models must want an entry for it to stay: 2 drops what one model alone wants, 0 drops nothing.",
    )


def _combine() -> Any:
    return option(
        "sum",
        label="Merged update",
        choices=COMBINES,
        advanced=True,
        help="What the masks select from: the sum of the task vectors, or the sum that TIES elects (trim of a fifth).",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MagMaxOptions(FlatOptions):
    """The largest change of any model, entry by entry."""

    scale: float = scale_option(0.6)

    def plan(self) -> FlatPlan:
        return FlatPlan(consensus="largest", scale=self.scale)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BreadcrumbsOptions(FlatOptions):
    """The changes of middling size: neither outliers nor trifles."""

    keep_rate: float = _fraction(
        0.15, "Keep rate", "k", "Fraction of each task vector that survives: the largest changes after the outliers."
    )
    outliers: float = _outliers()
    scope: str = option(
        "tensor",
        label="Scope",
        choices=("tensor", "row"),
        advanced=True,
        help="What the fractions count: each tensor, or each row of a matrix, as the published code does.",
    )
    scale: float = scale_option(0.3)

    def plan(self) -> FlatPlan:
        return FlatPlan(
            first=(Outliers(self.outliers, self.scope),),
            steps=(Trim(self.keep_rate, self.scope),),
            consensus="sum",
            scale=self.scale,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MBreadcrumbsOptions(MTiesOptions):
    """Breadcrumbs that keep less of the rows where M-Loss says that the models conflict."""

    keep_rate: float = _fraction(0.15, "Keep rate", "k", "Fraction kept in the least conflicted row, and elsewhere.")
    outliers: float = _outliers()
    scale: float = scale_option(0.3)

    def plan(self) -> FlatPlan:
        """Outliers go by tensor everywhere; the guide replaces the trim of the scored rows."""
        return dataclasses.replace(super().plan(), first=(Outliers(self.outliers),), consensus="sum")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ConsensusOptions(FlatOptions):
    """The sum of the task vectors where several models want it."""

    threshold: float = _threshold()
    thresholds: tuple[float, ...] | None = _thresholds()
    min_agree: int = _min_agree()
    combine: str = _combine()
    scale: float = scale_option(0.3, "α")

    def unified(self) -> FlatPlan:
        """What the masks select from."""
        return unified_plan(self.combine)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MConsensusOptions(MTiesOptions):
    """Consensus over task vectors that keep less of the rows where M-Loss says that the models conflict."""

    threshold: float = _threshold()
    thresholds: tuple[float, ...] | None = _thresholds()
    min_agree: int = _min_agree()
    scale: float = scale_option(0.3, "α")

    def plan(self) -> FlatPlan:
        """The sparsifiers of M-TIES, which go before anything is compared."""
        return dataclasses.replace(super().plan(), consensus="sum")

    def unified(self) -> FlatPlan:
        """What the masks select from."""
        return self.plan()


def unified_plan(combine: str) -> FlatPlan:
    """The merge that masks select from: a name of `COMBINES`."""
    if combine == "ties":
        return FlatPlan(steps=(Trim(_TIES_KEEP_RATE, "global"),), consensus="elect_sum")
    return FlatPlan(consensus="sum")


@dataclasses.dataclass(frozen=True, kw_only=True)
class PcbOptions(FlatOptions):
    """Parameter competition balancing."""

    keep_rate: float = _fraction(
        0.05, "Keep rate", "r", "Fraction of each task vector, its highest scores, that takes part in the mean."
    )
    clamped: float = _fraction(
        0.0001,
        "Clamped",
        None,
        "Fraction of the smallest, and of the largest, magnitudes cut to the next one.",
        maximum=0.49,
        step=0.0001,
        advanced=True,
    )
    scale: float = scale_option(1.2)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TallMaskOptions(FlatOptions):
    """For every task, where it wants the shared update."""

    threshold: float = _threshold()
    thresholds: tuple[float, ...] | None = _thresholds()
    combine: str = _combine()

    def unified(self) -> FlatPlan:
        """What the masks select from."""
        return unified_plan(self.combine)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MagnitudeMaskOptions(FlatOptions):
    """For every task, its largest changes."""

    keep_rate: float = _fraction(
        0.1, "Keep rate", "k", "Fraction of each task vector, its largest changes over all tensors, that is the mask."
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class EmrOptions(FlatOptions):
    """Elect, mask and rescale have nothing to choose."""
