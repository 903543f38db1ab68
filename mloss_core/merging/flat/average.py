"""Simple Average: the mean of the weights. Imports no torch."""

import dataclasses

from mloss_core.merging.flat.options import FlatOptions
from mloss_core.merging.record import Method, MethodCard


@dataclasses.dataclass(frozen=True, kw_only=True)
class AverageOptions(FlatOptions):
    """Simple Average has nothing to choose."""


METHOD = Method(
    name="average",
    title="Simple Average",
    family="Flat",
    options_type=AverageOptions,
    summary="The mean of the models' weights.",
    paper_url="https://arxiv.org/abs/2203.05482",
    identity={},
    card=MethodCard(
        idea="The mean of all models' weights. What most merges are measured against, and what every model "
        "of a soup has in common.",
        formula=r"\theta = \theta_0 + \frac{1}{n}\sum_i \tau_i",
        data="None.",
        cost="Reads every weight once.",
        faults=("crisostomi/model-merging averages integer buffers too, which turns them into floats.",),
    ),
)
