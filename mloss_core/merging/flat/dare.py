"""DARE: drop at random and rescale, then merge. Imports no torch."""

import dataclasses

from mloss_core.merging.flat.options import FlatOptions, keep_rate_option, scale_option
from mloss_core.merging.flat.plan import FlatPlan
from mloss_core.merging.record import Method, MethodCard
from mloss_core.merging.sparsifiers.steps import Drop, Trim
from mloss_core.options import option


@dataclasses.dataclass(frozen=True, kw_only=True)
class DareOptions(FlatOptions):
    """Drop at random and rescale, then merge."""

    keep_rate: float = keep_rate_option(
        0.7, "Chance that an entry of a task vector stays; what stays is divided by it."
    )
    then: str = option(
        "mean",
        label="Then",
        choices=("mean", "elect", "ties"),
        help="How the thinned task vectors meet: their mean, elect sign and disjoint merge, or TIES (a trim before "
        "those).",
    )
    scale: float = scale_option(1.0)
    trim_keep_rate: float = keep_rate_option(
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


METHOD = Method(
    name="dare",
    title="DARE",
    family="Flat",
    options_type=DareOptions,
    random=True,
    summary="Drop changes at random, rescale the rest, then merge.",
    paper_url="https://arxiv.org/abs/2311.03099",
    identity={"keep_rate": 1.0},
    card=MethodCard(
        idea="Drops changes at random and scales up the rest, so that the expected task vector stays. "
        "Fine-tuning changes are redundant enough for it.",
        formula=r"\tilde\tau_i = \frac{B_i \odot \tau_i}{k},\; B_i \sim \mathrm{Bernoulli}(k)",
        data="None; several seeds to see its spread.",
        cost="Reads every weight once.",
        faults=(
            "The paper's p is a drop rate; the M-Loss project's k is a keep rate, and its DARE elects signs "
            "instead of averaging.",
        ),
    ),
)
