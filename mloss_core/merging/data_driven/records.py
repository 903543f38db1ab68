"""Options of the methods that look at images of the tasks: one dataclass a method."""

import dataclasses
from typing import Any

from mloss_core.merging.data_driven import records as data_options
from mloss_core.merging.record import Method
from mloss_core.merging.spectral.records import SpectralOptions
from mloss_core.options import check_options, option

LABELS = ("model", "true")
COEFFICIENTS = ("fitted", "shuffled", "equal")


def _scale(default: float = 1.0) -> Any:
    return option(
        default,
        label="Scale",
        letter="α",
        minimum=0.0,
        maximum=5.0,
        step=0.05,
        help="Factor of the merged update; 0 gives the pretrained model back.",
    )


def _images(default: int) -> Any:
    return option(
        default,
        label="Images per task",
        minimum=1,
        maximum=100_000,
        step=16,
        help="Training images of each task that are looked at; all that there are where a task has fewer.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class IsoIasadOptions(SpectralOptions):
    """Isotropic merging after an input-aware sparse and low-rank decomposition of every model."""

    images: int = _images(1600)
    num_iters: int = option(
        10,
        label="Iterations",
        minimum=1,
        maximum=100,
        step=1,
        advanced=True,
        help="How often the low-rank and the sparse part of each model are fitted in turn; more fits better, slower.",
    )
    sparsity: float = option(
        0.1,
        label="Sparsity",
        minimum=0.0,
        maximum=0.99,
        step=0.05,
        help="Share of each matrix's parameters that low-rank and sparse part together do without.",
    )
    rank_ratio: float = option(
        0.75,
        label="Rank ratio",
        minimum=0.0,
        maximum=1.0,
        step=0.05,
        help="Share of the remaining parameters that goes to the low-rank part; the sparse part has the rest.",
    )
    prune_level: str = option(
        "row",
        label="Pruned by",
        choices=("row", "element"),
        advanced=True,
        help="Whether each row of the sparse part loses equally many entries, or the matrix as a whole.",
    )
    center: bool = option(
        True,
        label="Centre",
        advanced=True,
        help="Decompose each model's difference from the mean task vector instead of its whole task vector.",
    )
    restore_mean: bool = option(
        True, label="Restore the mean", advanced=True, help="Add the mean back that centring took away."
    )
    mode: str = option(
        "repaired",
        label="Mode",
        choices=("repaired", "fork"),
        advanced=True,
        help="fork: centre and never restore the mean, as the published code does, which leaves only the errors of the "
        "decompositions. For the record alone.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class RegMeanOptions:
    """Regression mean, with inputs of each model's own or of the merged network. Checked on making."""

    images: int = _images(256)
    shrink: float = option(
        0.95,
        label="Off-diagonal factor",
        minimum=0.0,
        maximum=1.0,
        step=0.05,
        help="Multiplies the second moments between different inputs; 0 looks at each input alone.",
    )
    ridge: float = option(
        1e-6,
        label="Ridge",
        minimum=0.0,
        maximum=10.0,
        step=0.01,
        advanced=True,
        help="Pull towards the average of the models, in units of the mean second moment of an input.",
    )
    scale: float = _scale()

    def __post_init__(self) -> None:
        check_options(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class FisherOptions:
    """Mean weighted by Fisher information. Checked on making."""

    images: int = _images(256)
    labels: str = option(
        "model",
        label="Labels",
        choices=LABELS,
        help="Whose labels the gradients are of: drawn from the model's own probabilities, as Fisher information is "
        "defined, or the true ones.",
    )
    normalise: bool = option(
        True,
        label="Normalise",
        advanced=True,
        help="Divide each model's information by its Euclidean norm, so that no model outweighs the others.",
    )
    floor: float = option(
        1e-6,
        label="Floor",
        minimum=1e-12,
        maximum=1.0,
        step=1e-6,
        advanced=True,
        help="Added to every entry's information; where it outweighs all, the models are averaged.",
    )
    scale: float = _scale()

    def __post_init__(self) -> None:
        check_options(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MWeightsOptions:
    """Coefficients of the models, block by block, from M-Loss. Checked on making."""

    images: int = _images(16)
    per: str = option(
        "block",
        label="Coefficients for each",
        choices=("block", "node"),
        help="block: one coefficient for each model in each block. node: in the weight that M-Loss is about, one for "
        "each of its rows as well.",
    )
    ridge: float = option(
        0.1,
        label="Ridge",
        minimum=0.0,
        maximum=100.0,
        step=0.05,
        help="Pull towards the average, in units of the mean curvature; large values give the average.",
    )
    coefficients: str = option(
        "fitted",
        label="Coefficients",
        choices=COEFFICIENTS,
        advanced=True,
        help="fitted, or a control: the fitted ones shuffled over blocks and models by the seed, or the average with "
        "the length of the fitted ones.",
    )
    scale: float = _scale()

    def __post_init__(self) -> None:
        check_options(self)


_UNLABELED, _LABELED = frozenset({"unlabeled"}), frozenset({"labeled"})

DATA = _UNLABELED | _LABELED
"""Words of `Method.needs` that ask for images: `labeled` ones come with labels and a head."""

DATA_METHODS: tuple[Method, ...] = (
    Method(
        name="iso_iasad",
        title="Iso-IASAD",
        family="Spectral",
        options_type=data_options.IsoIasadOptions,
        target="mloss_core.merging.data_driven.iasad:iso_iasad",
        needs=_UNLABELED,
        paper_url="https://github.com/ArkNightmaster/AwRank-Merging",
        summary="Iso-C of models that are each reduced to a low-rank and a sparse part, as their inputs weigh them.",
    ),
    Method(
        name="regmean",
        title="RegMean",
        family="Data-driven",
        options_type=data_options.RegMeanOptions,
        target="mloss_core.merging.data_driven.regmean:regmean",
        needs=_UNLABELED,
        paper_url="https://arxiv.org/abs/2212.09849",
        summary="The linear maps whose outputs are closest to every model's on its own inputs.",
    ),
    Method(
        name="regmean_pp",
        title="RegMean++",
        family="Data-driven",
        options_type=data_options.RegMeanOptions,
        target="mloss_core.merging.data_driven.regmean:regmean_pp",
        needs=_UNLABELED,
        paper_url="https://arxiv.org/abs/2508.03121",
        summary="RegMean on the inputs that the merged network itself gives each block.",
    ),
    Method(
        name="fisher",
        title="Fisher",
        family="Data-driven",
        options_type=data_options.FisherOptions,
        target="mloss_core.merging.data_driven.fisher:fisher",
        needs=_LABELED,
        paper_url="https://arxiv.org/abs/2111.09832",
        summary="The mean of the weights, each weighted by how much its model's predictions depend on it.",
    ),
    Method(
        name="m_weights",
        title="M-Weights",
        family="M-Loss guided",
        options_type=data_options.MWeightsOptions,
        target="mloss_core.merging.data_driven.m_weights:m_weights",
        needs=_UNLABELED,
        paper_url="https://arxiv.org/abs/2602.08564",
        summary="Coefficients for each block that bring the merged activations closest to the Ensemble's.",
    ),
)
