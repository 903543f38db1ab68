"""Records of the methods that choose entries: by size, by rank, or by agreement over models. Imports no torch."""

from mloss_core.merging import mask_options
from mloss_core.merging.record import Method

_MLOSS = "https://arxiv.org/abs/2602.08564"
_GUIDED = {"family": "M-Loss guided", "needs": frozenset({"mloss"}), "uses_blocks": True, "paper_url": _MLOSS}

MASK_METHODS: tuple[Method, ...] = (
    Method(
        name="m_breadcrumbs", title="M-Breadcrumbs", options_type=mask_options.MBreadcrumbsOptions,
        summary="Breadcrumbs that keep less of the rows in which merging and ensembling disagree.", **_GUIDED,
    ),
    Method(
        name="m_consensus", title="M-Consensus", options_type=mask_options.MConsensusOptions,
        target="mloss_core.merging.masks:consensus", **_GUIDED,
        summary="Consensus over task vectors that keep less of the rows in which merging and ensembling disagree.",
    ),
    Method(
        name="magmax", title="MagMax", family="Selection", options_type=mask_options.MagMaxOptions,
        summary="For each weight the change of the model that changed it most.",
        paper_url="https://arxiv.org/abs/2407.06322",
    ),
    Method(
        name="breadcrumbs", title="Breadcrumbs", family="Selection", options_type=mask_options.BreadcrumbsOptions,
        summary="Drop each layer's largest changes and its many small ones, then sum.",
        paper_url="https://arxiv.org/abs/2312.06795",
    ),
    Method(
        name="pcb", title="PCB", family="Selection", options_type=mask_options.PcbOptions,
        target="mloss_core.merging.pcb:pcb", paper_url="https://arxiv.org/abs/2410.02396",
        summary="Weigh each change by its size within its model and its agreement with the others.",
    ),
    Method(
        name="consensus", title="Consensus", family="Selection", options_type=mask_options.ConsensusOptions,
        target="mloss_core.merging.masks:consensus", paper_url="https://arxiv.org/abs/2405.07813",
        summary="Sum the task vectors and drop the weights that fewer than two models want.",
    ),
    Method(
        name="tall_mask", title="TALL masks", family="One model per task", output="per_task", masks=True,
        options_type=mask_options.TallMaskOptions, target="mloss_core.merging.task_masks:tall_mask",
        summary="Sum the task vectors; every task takes what it wants of the sum. Needs to be told the task.",
        paper_url="https://arxiv.org/abs/2405.07813",
    ),
    Method(
        name="magnitude_mask", title="Magnitude masks", family="One model per task", output="per_task", masks=True,
        options_type=mask_options.MagnitudeMaskOptions, target="mloss_core.merging.task_masks:magnitude_mask",
        summary="Sum the task vectors; every task takes its own largest changes of the sum. Needs to be told the task.",
        paper_url="https://arxiv.org/abs/2405.07813",
    ),
    Method(
        name="emr", title="EMR", family="One model per task", output="per_task", masks=True,
        options_type=mask_options.EmrOptions, target="mloss_core.merging.task_masks:emr",
        summary="Elect one update; every task takes what agrees with its own, rescaled. Needs to be told the task.",
        paper_url="https://arxiv.org/abs/2405.17461",
    ),
)  # fmt: skip
