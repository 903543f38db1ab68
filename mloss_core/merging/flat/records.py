"""The rows of the flat family: one options dataclass a method, each saying which plan it stands for."""

import dataclasses
from typing import Any

from mloss_core.merging.flat.plan import FlatPlan
from mloss_core.merging.sparsifiers.keep_rates import RANKINGS, SCHEDULES
from mloss_core.merging.sparsifiers.steps import Drop, RowGuide, Trim
from mloss_core.options import check_options, option


def _keep_rate(default: float, help: str, label: str = "Keep rate", letter: str | None = "k", **extra: Any) -> Any:
    return option(default, label=label, letter=letter, help=help, minimum=0.0, maximum=1.0, step=0.05, **extra)


def _scale(default: float) -> Any:
    return option(
        default,
        label="Scale",
        letter="λ",
        minimum=0.0,
        maximum=5.0,
        step=0.05,
        help="Factor of the merged update; 0 gives the pretrained model back.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class FlatOptions:
    """Base of the options of flat methods: checked on making, and a plan in other words."""

    def __post_init__(self) -> None:
        check_options(self)

    def plan(self) -> FlatPlan:
        """What these options ask for."""
        return FlatPlan()


@dataclasses.dataclass(frozen=True, kw_only=True)
class AverageOptions(FlatOptions):
    """Simple Average has nothing to choose."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskArithmeticOptions(FlatOptions):
    """The sum of the task vectors, scaled."""

    scale: float = _scale(0.3)

    def plan(self) -> FlatPlan:
        return FlatPlan(consensus="sum", scale=self.scale)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TiesOptions(FlatOptions):
    """Trim, elect sign, disjoint merge."""

    keep_rate: float = _keep_rate(0.2, "Fraction of each task vector that survives the trim; 1 trims nothing.")
    scope: str = option(
        "global",
        label="Trim scope",
        choices=("global", "tensor", "row"),
        help="What the fraction counts: a model's whole task vector, each tensor, or each row of a matrix.",
    )
    scale: float = _scale(1.0)
    merge: str = option(
        "mean",
        label="Disjoint merge",
        choices=("mean", "sum"),
        advanced=True,
        help="What becomes of the entries of the elected sign: their mean, or their sum, which wants a smaller scale.",
    )
    domain: str = option(
        "moving",
        label="Counted tensors",
        choices=("moving", "all"),
        advanced=True,
        help="Global scope: count the tensors that fine-tuning moved, or all (as the published code does, where unused "
        "text weights raise the budget).",
    )

    def plan(self) -> FlatPlan:
        trim = Trim(self.keep_rate, self.scope, self.domain)
        consensus = "elect" if self.merge == "mean" else "elect_sum"
        return FlatPlan(steps=(trim,), consensus=consensus, scale=self.scale)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DareOptions(FlatOptions):
    """Drop at random and rescale, then merge."""

    keep_rate: float = _keep_rate(0.7, "Chance that an entry of a task vector stays; what stays is divided by it.")
    then: str = option(
        "mean",
        label="Then",
        choices=("mean", "elect", "ties"),
        help="How the thinned task vectors meet: their mean, elect sign and disjoint merge, or TIES (a trim before "
        "those).",
    )
    scale: float = _scale(1.0)
    trim_keep_rate: float = _keep_rate(
        0.2,
        "Fraction that the global trim keeps, when TIES follows.",
        label="TIES keep rate",
        letter=None,
        advanced=True,
    )

    def plan(self) -> FlatPlan:
        trim = (Trim(self.trim_keep_rate, "global"),) if self.then == "ties" else ()
        consensus = "mean" if self.then == "mean" else "elect"
        return FlatPlan(steps=(Drop(self.keep_rate), *trim), consensus=consensus, scale=self.scale)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MTiesOptions(FlatOptions):
    """TIES whose trim keeps less of the rows where M-Loss says that the models conflict."""

    keep_rate: float = _keep_rate(0.8, "Fraction kept in the least conflicted row, and in the other tensors.")
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
    others: str = option(
        "tensor",
        label="Other tensors",
        choices=("tensor", "global", "none"),
        advanced=True,
        help="How tensors without M-Loss keep rates are thinned: each on its own, all together, or not at all.",
    )
    scale: float = _scale(1.0)

    def plan(self) -> FlatPlan:
        steps = () if self.others == "none" else (Trim(self.keep_rate, self.others),)
        return FlatPlan(steps=steps, guide=self.guide("magnitude"), consensus="elect", scale=self.scale)

    def guide(self, rule: str) -> RowGuide:
        """How the scored rows are pruned."""
        return RowGuide(
            keep_rate=self.keep_rate, span=self.span, ranking=self.ranking, schedule=self.schedule, rule=rule
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class MDareOptions(MTiesOptions):
    """DARE whose chance to keep falls in the rows where M-Loss says that the models conflict."""

    others: str = option(
        "tensor",
        label="Other tensors",
        choices=("tensor", "global", "none"),
        advanced=True,
        help="How tensors without M-Loss keep rates are thinned: at random with the keep rate (tensor and global are "
        "the same for random drops), or not at all.",
    )
    target_rule: str = option(
        "bernoulli",
        label="Scored rows",
        choices=("bernoulli", "magnitude"),
        advanced=True,
        help="bernoulli drops at random and rescales; magnitude trims without rescaling, as the published code does.",
    )

    def plan(self) -> FlatPlan:
        steps = () if self.others == "none" else (Drop(self.keep_rate),)
        return FlatPlan(steps=steps, guide=self.guide(self.target_rule), consensus="elect", scale=self.scale)
