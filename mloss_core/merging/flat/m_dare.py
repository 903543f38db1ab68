"""M-DARE: DARE whose keep rates fall where M-Loss says that the models conflict. Imports no torch."""

import dataclasses

from mloss_core.merging.flat.m_ties import MTiesOptions
from mloss_core.merging.flat.plan import FlatPlan
from mloss_core.merging.record import Method, MethodCard
from mloss_core.merging.sparsifiers.steps import Drop
from mloss_core.options import option


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


METHOD = Method(
    name="m_dare",
    title="M-DARE",
    family="M-Loss guided",
    options_type=MDareOptions,
    random=True,
    needs=frozenset({"mloss"}),
    uses_blocks=True,
    summary="DARE that keeps less of the rows in which merging and ensembling disagree.",
    paper_url="https://arxiv.org/abs/2602.08564",
    identity={"keep_rate": 1.0, "span": 0.0},
    card=MethodCard(
        idea="DARE whose chance to keep falls in the rows where merging and ensembling disagree. The other "
        "tensors are dropped evenly.",
        formula=(
            r"k_j = k - e\,\frac{\operatorname{rank}(M_j)}{H - 1},\quad \tilde\tau_{i,j} = "
            r"\frac{B_{i,j}\odot\tau_{i,j}}{k_j}"
        ),
        data="Unlabeled training images, 16 a task, to measure M-Loss.",
        cost="M-Loss once for the chosen images, then as DARE.",
        faults=(
            "The published code trims the scored rows by magnitude, without rescaling, and draws at random "
            "elsewhere alone.",
        ),
    ),
)
