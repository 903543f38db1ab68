"""TIES: trim, elect sign, disjoint merge. Imports no torch."""

import dataclasses

from mloss_core.merging.flat.options import FlatOptions, keep_rate_option, scale_option
from mloss_core.merging.flat.plan import FlatPlan
from mloss_core.merging.record import Method, MethodCard
from mloss_core.merging.sparsifiers.steps import Trim
from mloss_core.options import option


@dataclasses.dataclass(frozen=True, kw_only=True)
class TiesOptions(FlatOptions):
    """Trim, elect sign, disjoint merge."""

    keep_rate: float = keep_rate_option(0.2, "Fraction of each task vector that survives the trim; 1 trims nothing.")
    scope: str = option(
        "global",
        label="Trim scope",
        choices=("global", "tensor", "row"),
        help="What the fraction counts: a model's whole task vector, each tensor, or each row of a matrix.",
    )
    scale: float = scale_option(1.0)
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


METHOD = Method(
    name="ties",
    title="TIES",
    family="Flat",
    options_type=TiesOptions,
    summary="Keep the largest changes, elect a sign for each weight, average those that agree.",
    paper_url="https://arxiv.org/abs/2306.01708",
    identity={"keep_rate": 1.0},
    card=MethodCard(
        idea="Keeps each model's largest changes, elects a sign for every weight and averages what agrees. "
        "Conflicts of sign are settled instead of cancelling out.",
        formula=(
            r"\tau_j = \operatorname{mean}\{\hat\tau_{i,j} : \hat\tau_{i,j} s_j > 0\},\; s_j = "
            r"\operatorname{sign}\sum_i \hat\tau_{i,j},\; \hat\tau_i = \operatorname{top}_k(\tau_i)"
        ),
        data="None; validation images to choose the scale.",
        cost="Two passes over every weight for a global trim, one otherwise.",
        faults=(
            "The configuration file of TALL masks trims nothing (k = 100); its README asks for k = 20.",
            "Reference code keeps one entry too many and all of equal magnitude; unused text weights raise its budget.",
            "fusion_bench and AdaMerging sum what agrees where the paper averages it.",
        ),
    ),
)
