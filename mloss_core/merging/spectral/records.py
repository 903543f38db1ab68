"""Records of the spectral methods, each with its card. Imports no torch."""

from mloss_core.merging.record import Method, MethodCard
from mloss_core.merging.spectral import options

_TSV, _ISO = "https://arxiv.org/abs/2412.00081", "https://arxiv.org/abs/2502.04959"

METHODS: tuple[Method, ...] = (
    Method(
        name="tsv_m",
        title="TSV-M",
        family="Spectral",
        options_type=options.TsvMOptions,
        target="mloss_core.merging.spectral.tsv_iso:tsv_m",
        paper_url=_TSV,
        summary="Keep each model's leading singular directions and make those of different models orthogonal.",
        identity={},
        card=MethodCard(
            idea="Keeps each model's leading singular directions and makes those of different models orthogonal. "
            "Interference between low-rank task vectors is taken out before they are added.",
            formula=(
                r"\tau = \operatorname{polar}([U_1 \dots U_n])\,\operatorname{diag}(S_1 \dots "
                r"S_n)\,\operatorname{polar}([V_1 \dots V_n])^T"
            ),
            data="None.",
            cost="n + 2 singular value decompositions a matrix, kept for the next merge.",
            faults=(
                "With more models than singular directions the reference gives a zero update in silence; here "
                "such a matrix takes the mean.",
                "crisostomi/model-merging caches decompositions by file name, and doubles text_projection.",
            ),
        ),
    ),
    Method(
        name="iso_c",
        title="Iso-C",
        family="Spectral",
        options_type=options.IsoCOptions,
        target="mloss_core.merging.spectral.tsv_iso:iso_c",
        paper_url=_ISO,
        summary="Sum the task vectors and give every singular direction of the sum the same strength.",
        identity={"beta": 0.0},
        card=MethodCard(
            idea="Sums the task vectors and gives every singular direction of the sum the same strength. Tasks "
            "with weak directions get their share.",
            formula=(
                r"\tau = \bar\sigma\, U V^T,\quad U \Sigma V^T = \sum_i D_i,\quad \bar\sigma = "
                r"\tfrac{1}{r}\textstyle\sum_j \sigma_j"
            ),
            data="None; validation images to choose the scale.",
            cost="One singular value decomposition a matrix, whatever the number of models.",
            faults=(
                "Where the sum has not full rank (LoRA, frozen parts) the reference gives arbitrary directions "
                "full strength; they are left out here.",
                "crisostomi/model-merging flattens the sum of truncated task vectors, another method.",
            ),
        ),
    ),
    Method(
        name="iso_cts",
        title="Iso-CTS",
        family="Spectral",
        options_type=options.IsoCTSOptions,
        target="mloss_core.merging.spectral.tsv_iso:iso_cts",
        paper_url=_ISO,
        summary="Iso-C that gives its weakest directions to what each model has beside the common ones.",
        identity=None,
        card=MethodCard(
            idea="Iso-C that gives its weakest directions to what each model has beside the common ones. It "
            "helps most with many tasks.",
            formula=(
                r"\tau = s\,\operatorname{polar}([U_k\,U_1 \dots U_n])\,\operatorname{polar}([V_k\,V_1 "
                r"\dots V_n])^T"
            ),
            data="None; validation images to choose the scale.",
            cost="n + 3 singular value decompositions a matrix, kept for the next merge.",
            faults=(
                "For small common fractions the reference counts a negative rank and slices wrongly in silence.",
                "It projects on the left alone, so a transposed weight merges differently; layouts that split "
                "attention do, too.",
            ),
        ),
    ),
    Method(
        name="wudi",
        title="WUDI",
        family="Optimised",
        options_type=options.WudiOptions,
        target="mloss_core.merging.spectral.wudi:wudi",
        paper_url="https://arxiv.org/abs/2503.08099",
        summary="Move the summed task vectors step by step to where each task's own directions feel least of the rest.",
        homogeneous=False,
        identity={},
        card=MethodCard(
            idea="Looks for the update that disturbs every task's own linear subspace least. Data-free, but iterative.",
            formula=r"\min_{\tau} \sum_i \frac{\lVert (\tau - D_i) D_i^T \rVert_F^2}{\lVert D_i \rVert_F^2}",
            data="None.",
            cost="A few hundred gradient steps a matrix.",
            faults=("The published result is an early-stopped iterate; the closed minimum is another estimator.",),
        ),
    ),
    Method(
        name="tsv_c",
        title="TSV-C",
        family="One model per task",
        output="per_task",
        options_type=options.TsvCOptions,
        target="mloss_core.merging.spectral.tsv_c:tsv_c",
        paper_url=_TSV,
        summary="Every task stores its own leading singular directions. Needs to be told the task.",
        card=MethodCard(
            idea="Keeps for every task its own leading singular directions, one n-th of them. Needs to be told "
            "the task, and stores about two models in all.",
            formula=r"D_i \approx U_{i,q}\,\Sigma_{i,q}\,V_{i,q}^T,\quad q = \lfloor r / n \rfloor",
            data="None.",
            cost="One singular value decomposition a model and matrix, kept for the next merge.",
            faults=(
                "The reference decomposes text_projection too, which its merging counterpart leaves out.",
                "Its EuroSAT accuracies are fractions of all 21 600 images, not of the test split.",
            ),
        ),
    ),
)
