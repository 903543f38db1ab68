"""Records of the methods that look at images of the tasks. Imports no torch."""

from mloss_core.merging import data_options
from mloss_core.merging.record import Method

_UNLABELED, _LABELED = frozenset({"unlabeled"}), frozenset({"labeled"})
DATA = _UNLABELED | _LABELED
"""Words of `Method.needs` that ask for images: `labeled` ones come with labels and a head."""

DATA_METHODS: tuple[Method, ...] = (
    Method(
        name="iso_iasad", title="Iso-IASAD", family="Spectral", options_type=data_options.IsoIasadOptions,
        target="mloss_core.merging.iasad:iso_iasad", needs=_UNLABELED,
        paper_url="https://github.com/ArkNightmaster/AwRank-Merging",
        summary="Iso-C of models that are each reduced to a low-rank and a sparse part, as their inputs weigh them.",
    ),
    Method(
        name="regmean", title="RegMean", family="Data-driven", options_type=data_options.RegMeanOptions,
        target="mloss_core.merging.regmean:regmean", needs=_UNLABELED, paper_url="https://arxiv.org/abs/2212.09849",
        summary="The linear maps whose outputs are closest to every model's on its own inputs.",
    ),
    Method(
        name="regmean_pp", title="RegMean++", family="Data-driven", options_type=data_options.RegMeanOptions,
        target="mloss_core.merging.regmean:regmean_pp", needs=_UNLABELED, paper_url="https://arxiv.org/abs/2508.03121",
        summary="RegMean on the inputs that the merged network itself gives each block.",
    ),
    Method(
        name="fisher", title="Fisher", family="Data-driven", options_type=data_options.FisherOptions,
        target="mloss_core.merging.fisher:fisher", needs=_LABELED, paper_url="https://arxiv.org/abs/2111.09832",
        summary="The mean of the weights, each weighted by how much its model's predictions depend on it.",
    ),
    Method(
        name="m_weights", title="M-Weights", family="M-Loss guided", options_type=data_options.MWeightsOptions,
        target="mloss_core.merging.m_weights:m_weights", needs=_UNLABELED, paper_url="https://arxiv.org/abs/2602.08564",
        summary="Coefficients for each block that bring the merged activations closest to the Ensemble's.",
    ),
)  # fmt: skip
