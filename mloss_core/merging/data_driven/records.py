"""Records of the data-driven methods, each with its card. Imports no torch."""

from mloss_core.merging.data_driven import options
from mloss_core.merging.record import Method, MethodCard

_UNLABELED, _LABELED = frozenset({"unlabeled"}), frozenset({"labeled"})
DATA = _UNLABELED | _LABELED
"""Words of `Method.needs` that ask for images: `labeled` ones come with labels and a head."""

METHODS: tuple[Method, ...] = (
    Method(
        name="iso_iasad",
        title="Iso-IASAD",
        family="Spectral",
        options_type=options.IsoIasadOptions,
        target="mloss_core.merging.data_driven.iasad:iso_iasad",
        needs=_UNLABELED,
        paper_url="https://github.com/ArkNightmaster/AwRank-Merging",
        summary="Iso-C of models that are each reduced to a low-rank and a sparse part, as their inputs weigh them.",
        identity=None,
        card=MethodCard(
            idea="Splits each centred task matrix into a low-rank and a sparse part, weighted by how strongly "
            "inputs use each column, then makes the sum isotropic. The mean of the models is kept exactly.",
            formula=(
                r"\tau = \bar\sigma\operatorname{polar}\big(n\bar D + \textstyle\sum_i (L_i + "
                r"S_i)\big),\quad L_i + S_i \approx D_i - \bar D"
            ),
            data="Unlabeled training images, 1600 a task, for the inputs of every layer.",
            cost="About 11 singular value decompositions a model and matrix.",
            faults=(
                "The published code subtracts the mean and never adds it back, so its update is close to zero.",
                "It looks up statistics by the end of a name, so every block uses those of block 0, and some "
                "layers have none.",
                "It has no published numbers.",
            ),
        ),
    ),
    Method(
        name="regmean",
        title="RegMean",
        family="Data-driven",
        options_type=options.RegMeanOptions,
        target="mloss_core.merging.data_driven.regmean:regmean",
        needs=_UNLABELED,
        paper_url="https://arxiv.org/abs/2212.09849",
        summary="The linear maps whose outputs are closest to every model's on its own inputs.",
        identity={},
        card=MethodCard(
            idea="Finds the linear layers whose outputs are closest to all models' outputs on their own inputs. "
            "A least-squares problem with a closed solution.",
            formula=r"W = \Big(\sum_i \tilde G_i\Big)^{-1} \sum_i \tilde G_i W_i,\quad G_i = X_i^T X_i",
            data="Unlabeled training images, 256 a task, for the inputs of every linear layer.",
            cost="One pass of the images through every model, and one solve a layer.",
            faults=("Reference code inverts the summed Gram matrix, which fails when it is close to singular.",),
        ),
    ),
    Method(
        name="regmean_pp",
        title="RegMean++",
        family="Data-driven",
        options_type=options.RegMeanOptions,
        target="mloss_core.merging.data_driven.regmean:regmean_pp",
        needs=_UNLABELED,
        paper_url="https://arxiv.org/abs/2508.03121",
        summary="RegMean on the inputs that the merged network itself gives each block.",
        identity={},
        card=MethodCard(
            idea="RegMean whose inputs come from the layers that are merged already. Errors of early layers are "
            "taken into account by later ones.",
            formula=(
                r"W^{(l)} = \Big(\sum_i \tilde G_i\Big)^{-1} \sum_i \tilde G_i W_i^{(l)},\quad G_i = X_i^T "
                r"X_i,\; X_i = f_{<l}(x_i)"
            ),
            data="Unlabeled training images, 256 a task.",
            cost="One pass of the images through the merged layers for each layer, and one solve a layer.",
        ),
    ),
    Method(
        name="fisher",
        title="Fisher",
        family="Data-driven",
        options_type=options.FisherOptions,
        target="mloss_core.merging.data_driven.fisher:fisher",
        needs=_LABELED,
        paper_url="https://arxiv.org/abs/2111.09832",
        summary="The mean of the weights, each weighted by how much its model's predictions depend on it.",
        identity={},
        card=MethodCard(
            idea="Averages weights by how sharply each model's likelihood depends on them. Weights that a model "
            "does not care about follow the others.",
            formula=(
                r"\theta_j = \frac{\sum_i F_{i,j}\,\theta_{i,j}}{\sum_i F_{i,j}},\quad F_i = "
                r"\mathbb{E}\big[(\partial \log p / \partial \theta)^2\big]"
            ),
            data="Training images, 256 a task, with a head for each task.",
            cost="A backward pass for every image and model.",
        ),
    ),
    Method(
        name="m_weights",
        title="M-Weights",
        family="M-Loss guided",
        options_type=options.MWeightsOptions,
        target="mloss_core.merging.data_driven.m_weights:m_weights",
        needs=_UNLABELED,
        paper_url="https://arxiv.org/abs/2602.08564",
        summary="Coefficients for each block that bring the merged activations closest to the Ensemble's.",
        holds_a_layer=True,
        identity={},
        card=MethodCard(
            idea="Chooses merging coefficients by layer so that the merge comes closest to the Ensemble. M-Loss "
            "or the alignment to the Ensemble on unlabeled images is what it lowers.",
            formula=(
                r"\theta^{(l)} = \theta_0^{(l)} + \sum_i w_i^{(l)} \tau_i^{(l)},\quad w = \arg\min "
                r"\text{M-Loss}(w)"
            ),
            data="Unlabeled training images, the same as for M-Loss.",
            cost="M-Loss of the chosen images for every trial.",
        ),
    ),
)
