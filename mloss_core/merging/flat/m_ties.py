"""M-TIES: TIES whose keep rates fall where M-Loss says that the models conflict. Imports no torch."""

import dataclasses

from mloss_core.merging.flat.options import (
    FlatOptions,
    keep_rate_option,
    ranking_option,
    scale_option,
    schedule_option,
    span_option,
)
from mloss_core.merging.flat.plan import FlatPlan
from mloss_core.merging.record import Method, MethodCard
from mloss_core.merging.sparsifiers.steps import RowGuide, Trim
from mloss_core.options import option


@dataclasses.dataclass(frozen=True, kw_only=True)
class MTiesOptions(FlatOptions):
    """TIES whose trim keeps less of the rows where M-Loss says that the models conflict."""

    keep_rate: float = keep_rate_option(0.8, "Fraction kept in the least conflicted row, and in the other tensors.")
    span: float = span_option()
    ranking: str = ranking_option()
    schedule: str = schedule_option()
    others: str = option(
        "tensor",
        label="Other tensors",
        choices=("tensor", "global", "none"),
        advanced=True,
        help="How tensors without M-Loss keep rates are thinned: each on its own, all together, or not at all.",
    )
    scale: float = scale_option(1.0)

    def plan(self) -> FlatPlan:
        steps = () if self.others == "none" else (Trim(self.keep_rate, self.others),)
        return FlatPlan(steps=steps, guide=self.guide("magnitude"), consensus="elect", scale=self.scale)

    def guide(self, rule: str) -> RowGuide:
        """How the scored rows are pruned."""
        return RowGuide(
            keep_rate=self.keep_rate, span=self.span, ranking=self.ranking, schedule=self.schedule, rule=rule
        )


METHOD = Method(
    name="m_ties",
    title="M-TIES",
    family="M-Loss guided",
    options_type=MTiesOptions,
    needs=frozenset({"mloss"}),
    uses_blocks=True,
    summary="TIES that keeps less of the rows in which merging and ensembling disagree.",
    paper_url="https://arxiv.org/abs/2602.08564",
    identity={"keep_rate": 1.0, "span": 0.0},
    card=MethodCard(
        idea="TIES that keeps less of the rows where merging and ensembling disagree. A node's M-Loss "
        "decides how much of its weight row survives.",
        formula=(
            r"k_j = k - e\,\frac{\operatorname{rank}(M_j)}{H - 1},\quad \tau = "
            r"\mathrm{TIES}(\operatorname{top}_{k_j}(\tau_i))"
        ),
        data="Unlabeled training images, 16 a task, to measure M-Loss.",
        cost="M-Loss once for the chosen images, then as TIES.",
        faults=(
            "The published code ranks equal scores by an unstable sort, and its task vectors ignore their scale.",
            "The span lowers the budget; compare with the same budget without ranks before you praise the ranking.",
        ),
    ),
)
