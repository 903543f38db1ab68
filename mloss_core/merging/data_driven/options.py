"""Options of the methods that look at images of the tasks: one dataclass a method."""

import dataclasses
from typing import Any

from mloss_core.merging.flat.options import scale_option
from mloss_core.merging.spectral.options import SpectralOptions
from mloss_core.options import check_options, option

LABELS = ("model", "true")
COEFFICIENTS = ("fitted", "shuffled", "equal")


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
    scale: float = scale_option(1.0, "α")

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
    scale: float = scale_option(1.0, "α")

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
    scale: float = scale_option(1.0, "α")

    def __post_init__(self) -> None:
        check_options(self)
