"""Records of the selection methods, each with its card. Imports no torch."""

from typing import Any

from mloss_core.merging.record import Method, MethodCard
from mloss_core.merging.selection import options

_MLOSS = "https://arxiv.org/abs/2602.08564"
_GUIDED: dict[str, Any] = {
    "family": "M-Loss guided",
    "needs": frozenset({"mloss"}),
    "uses_blocks": True,
    "paper_url": _MLOSS,
}

METHODS: tuple[Method, ...] = (
    Method(
        name="m_breadcrumbs",
        title="M-Breadcrumbs",
        options_type=options.MBreadcrumbsOptions,
        summary="Breadcrumbs that keep less of the rows in which merging and ensembling disagree.",
        **_GUIDED,
        identity={"keep_rate": 1.0, "span": 0.0, "outliers": 0.0, "scale": 1.0},
        card=MethodCard(
            idea="Breadcrumbs that keep less of the rows where merging and ensembling disagree. Outliers go "
            "first, everywhere alike.",
            formula=(
                r"k_j = k - e\,\frac{\operatorname{rank}(M_j)}{H - 1},\quad \tau = \sum_i "
                r"\operatorname{top}_{k_j}(\tau_i \setminus \text{outliers})"
            ),
            data="Unlabeled training images to measure M-Loss.",
            cost="M-Loss once for the chosen images, then as Breadcrumbs.",
        ),
    ),
    Method(
        name="m_consensus",
        title="M-Consensus",
        options_type=options.MConsensusOptions,
        target="mloss_core.merging.selection.agreement:consensus",
        **_GUIDED,
        summary="Consensus over task vectors that keep less of the rows in which merging and ensembling disagree.",
        identity={"keep_rate": 1.0, "span": 0.0, "min_agree": 1, "scale": 1.0},
        card=MethodCard(
            idea="Consensus over task vectors that keep less of the rows where merging and ensembling disagree. "
            "Votes are counted after the trim.",
            formula=(
                r"\hat\tau_i = \operatorname{top}_{k_j}(\tau_i),\quad \tau = \Big(\sum_i \hat\tau_i\Big) "
                r"\odot 1\{c \ge k\}"
            ),
            data="Unlabeled training images to measure M-Loss.",
            cost="M-Loss once for the chosen images, then as Consensus.",
        ),
    ),
    Method(
        name="magmax",
        title="MagMax",
        family="Selection",
        options_type=options.MagMaxOptions,
        summary="For each weight the change of the model that changed it most.",
        paper_url="https://arxiv.org/abs/2407.06322",
        identity={"scale": 1.0},
        card=MethodCard(
            idea="Takes for each weight the change of the model that changed it most. Made for models that were "
            "fine-tuned one after the other.",
            formula=r"\tau_j = \tau_{i^*,j},\quad i^* = \arg\max_i |\tau_{i,j}|",
            data="None; validation images to choose the scale.",
            cost="Reads every weight once.",
        ),
    ),
    Method(
        name="breadcrumbs",
        title="Breadcrumbs",
        family="Selection",
        options_type=options.BreadcrumbsOptions,
        summary="Drop each layer's largest changes and its many small ones, then sum.",
        paper_url="https://arxiv.org/abs/2312.06795",
        identity={"keep_rate": 1.0, "outliers": 0.0, "scale": 1.0},
        card=MethodCard(
            idea="Drops each layer's largest changes and its many small ones, then sums. What stays is of "
            "middling size.",
            formula=r"\tau = \sum_i m_i \odot \tau_i,\quad m_i = 1\{\beta \le |\tau_i| \le \gamma\}",
            data="None; validation images to choose the scale.",
            cost="One pass and two order statistics a tensor.",
            faults=(
                "A common implementation keeps nothing at all where no outlier is to be dropped (an empty slice).",
            ),
        ),
    ),
    Method(
        name="pcb",
        title="PCB",
        family="Selection",
        options_type=options.PcbOptions,
        target="mloss_core.merging.selection.pcb:pcb",
        paper_url="https://arxiv.org/abs/2410.02396",
        summary="Weigh each change by its size within its model and its agreement with the others.",
        identity=None,
        homogeneous=False,
        card=MethodCard(
            idea="Weighs each change by its size within its model and by its agreement with the others. Only the "
            "best scores take part in the mean.",
            formula=(
                r"\mathrm{score}_i = e^{\,n\,\bar a_i^2}\,\tanh\big(\tau_i \odot \textstyle\sum_k "
                r"\tau_k\big),\quad \bar a_i = \operatorname{minmax}|\tau_i|"
            ),
            data="None; validation images to choose the scale.",
            cost="Several order statistics over every model's whole task vector.",
            faults=(
                "The hyperbolic tangent makes it depend on the scale of the weights, so task vectors three "
                "times as long merge differently.",
            ),
        ),
    ),
    Method(
        name="consensus",
        title="Consensus",
        family="Selection",
        options_type=options.ConsensusOptions,
        target="mloss_core.merging.selection.agreement:consensus",
        paper_url="https://arxiv.org/abs/2405.07813",
        summary="Sum the task vectors and drop the weights that fewer than two models want.",
        identity={"min_agree": 1, "scale": 1.0},
        card=MethodCard(
            idea="Sums the task vectors and drops the weights that fewer than two models want. Selfish weights, "
            "wanted by one model alone, are what disturbs the others.",
            formula=(
                r"\tau = \Big(\sum_i \tau_i\Big) \odot 1\{\textstyle\sum_i m_i \ge k\},\quad m_i = "
                r"1\{|\tau_i| > \lambda\,|\tau_M - \tau_i|\}"
            ),
            data="None; validation images to choose the threshold and the scale.",
            cost="Two passes over every weight.",
            faults=(
                "Masks of the reference are written in one format and read in another, so freshly made ones can "
                "never be loaded.",
                "fusion_bench compares the task vector with the pretrained weights, which mostly measures the "
                "size of the weights.",
            ),
        ),
    ),
    Method(
        name="tall_mask",
        title="TALL masks",
        family="One model per task",
        output="per_task",
        masks=True,
        options_type=options.TallMaskOptions,
        target="mloss_core.merging.selection.task_masks:tall_mask",
        summary="Sum the task vectors; every task takes what it wants of the sum. Needs to be told the task.",
        paper_url="https://arxiv.org/abs/2405.07813",
        card=MethodCard(
            idea="Sums the task vectors; every task takes what it wants of the sum. Needs to be told the task, "
            "and stores one bit a weight for each.",
            formula=(
                r"\theta_i = \theta_0 + m_i \odot \tau_M,\quad m_i = 1\{|\tau_i| > \lambda\,|\tau_M - "
                r"\tau_i|\}"
            ),
            data="None; validation images to choose the threshold.",
            cost="Two passes over every weight.",
            faults=(
                "The reference's own masks cannot be loaded again, and a bare except hides it.",
                "fusion_bench compares with the pretrained weights instead of the task vector.",
            ),
        ),
    ),
    Method(
        name="magnitude_mask",
        title="Magnitude masks",
        family="One model per task",
        output="per_task",
        masks=True,
        options_type=options.MagnitudeMaskOptions,
        target="mloss_core.merging.selection.task_masks:magnitude_mask",
        summary="Sum the task vectors; every task takes its own largest changes of the sum. Needs to be told the task.",
        paper_url="https://arxiv.org/abs/2405.07813",
        card=MethodCard(
            idea="Every task takes the entries of the sum where its own changes are largest. The plain control "
            "of TALL masks.",
            formula=r"\theta_i = \theta_0 + 1\{|\tau_i| \in \operatorname{top}_k\} \odot \sum_j \tau_j",
            data="None.",
            cost="Two passes over every weight.",
        ),
    ),
    Method(
        name="emr",
        title="EMR",
        family="One model per task",
        output="per_task",
        masks=True,
        options_type=options.EmrOptions,
        target="mloss_core.merging.selection.task_masks:emr",
        summary="Elect one update; every task takes what agrees with its own, rescaled. Needs to be told the task.",
        paper_url="https://arxiv.org/abs/2405.17461",
        card=MethodCard(
            idea="Elects one sign and one magnitude for all, masks it for each task and rescales it. Needs to be "
            "told the task.",
            formula=(
                r"\theta_i = \theta_0 + \lambda_i\, m_i \odot \tau_u,\quad \lambda_i = \frac{\sum "
                r"|\tau_i|}{\sum |m_i \odot \tau_u|}"
            ),
            data="None.",
            cost="Two passes over every weight.",
            faults=(
                "fusion_bench averages the means of tensors for the rescaling factor, which counts small "
                "tensors too much.",
                "The M-Loss project passes whole models for task vectors, which doubles the pretrained weights.",
            ),
        ),
    ),
)
