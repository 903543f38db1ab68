"""Task Arithmetic: the sum of the task vectors, scaled. Imports no torch."""

import dataclasses

from mloss_core.merging.flat.options import FlatOptions, scale_option
from mloss_core.merging.flat.plan import FlatPlan
from mloss_core.merging.record import Method, MethodCard


@dataclasses.dataclass(frozen=True, kw_only=True)
class TaskArithmeticOptions(FlatOptions):
    """The sum of the task vectors, scaled."""

    scale: float = scale_option(0.3)

    def plan(self) -> FlatPlan:
        return FlatPlan(consensus="sum", scale=self.scale)


METHOD = Method(
    name="task_arithmetic",
    title="Task Arithmetic",
    family="Flat",
    options_type=TaskArithmeticOptions,
    summary="The sum of the task vectors, scaled.",
    paper_url="https://arxiv.org/abs/2212.04089",
    identity={"scale": 1.0},
    card=MethodCard(
        idea="Adds all task vectors and scales the sum. One number decides between too little of every task "
        "and too much interference.",
        formula=r"\theta = \theta_0 + \lambda \sum_i \tau_i",
        data="None; validation images to choose the scale.",
        cost="Reads every weight once; other scales cost nothing.",
        faults=(
            "Published grids of scales differ (steps of 0.1 and of 1/30), so equal settings may differ by "
            "the rounding of the scale.",
            "crisostomi/model-merging calls .cuda() on plain state dicts and fails.",
        ),
    ),
)
