"""Options of the methods that take matrices as matrices: one dataclass a method, upon what they all share."""

import dataclasses
from typing import Any

from mloss_core.merging.flat.options import scale_option
from mloss_core.options import check_options, option

QKV = ("as_stored", "split")
VECTOR_RULES = ("mean", "sum", "zero")
RANK_POLICIES = ("numerical", "full")
SOLVERS = ("adam", "least_squares")


def _qkv() -> Any:
    return option(
        "as_stored",
        label="Attention weight",
        choices=QKV,
        advanced=True,
        help="Take a fused query-key-value weight as one matrix, as it is stored, or as three.",
    )


def _rank() -> Any:
    return option(
        "numerical",
        label="Rank",
        choices=RANK_POLICIES,
        advanced=True,
        help="Leave out directions that are rounding noise (numerical), or keep them as published code does (full): "
        "then a task vector of low rank gets arbitrary ones.",
    )


def _compression(help: str) -> Any:
    return option(None, label="Compression", minimum=1, maximum=100, step=1, advanced=True, help=help)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MatrixOptions:
    """What every method that merges matrices in another way than other tensors lets one choose. Checked on making."""

    scale: float = scale_option(1.0, "α")
    vectors: str = option(
        "mean",
        label="Other tensors",
        choices=VECTOR_RULES,
        advanced=True,
        help="What biases, norms and convolutions get, which have no spectrum: the mean of the task vectors, their "
        "sum, or nothing.",
    )
    vector_factor: float = option(
        1.0,
        label="Factor of other tensors",
        minimum=0.0,
        maximum=5.0,
        step=0.05,
        advanced=True,
        help="Multiplies the update of biases, norms and convolutions, beside the scale.",
    )
    qkv: str = _qkv()

    rank = "numerical"  # Those that decompose nothing have no choice here.

    def __post_init__(self) -> None:
        check_options(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpectralOptions(MatrixOptions):
    """What every method that decomposes matrices lets one choose."""

    rank: str = _rank()


@dataclasses.dataclass(frozen=True, kw_only=True)
class TsvMOptions(SpectralOptions):
    """Task Singular Vectors, merged."""

    compression: int | None = _compression(
        "Each model keeps one in so many of its singular directions; by default the number of models. 1 keeps all."
    )
    orthogonalise: bool = option(
        True,
        label="Orthogonalise",
        advanced=True,
        help="Turn the models' singular vectors so that they are orthogonal to each other; without it low-rank task "
        "vectors are summed.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class IsoCOptions(SpectralOptions):
    """Isotropic merging in the common subspace."""

    scale: float = scale_option(
        1.0,
        "α",
        "Published optima for 8, 14 and 20 models: "
        "ViT-B/32 1.3, 1.0, 0.9; ViT-B/16 1.4, 1.0, 0.8; ViT-L/14 1.5, 1.3, 1.0.",
    )
    beta: float = option(
        1.0,
        label="Flattening",
        letter="β",
        minimum=0.0,
        maximum=1.0,
        step=0.05,
        help="How far every singular value of the summed task vectors goes to their mean; 0 is Task Arithmetic.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class IsoCTSOptions(SpectralOptions):
    """Isotropic merging in common and task-specific subspaces."""

    scale: float = scale_option(
        1.0,
        "α",
        "Published optima for 8, 14 and 20 models: "
        "ViT-B/32 1.5, 1.2, 1.1; ViT-B/16 1.6, 1.2, 1.1; ViT-L/14 1.9, 1.5, 1.2.",
    )
    common_fraction: float = option(
        0.8,
        label="Common fraction",
        letter="f",
        minimum=0.0,
        maximum=1.0,
        step=0.05,
        help="Share of the singular directions that come from the summed task vectors; the models' own directions "
        "share the rest. 1 is Iso-C.",
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class TsvCOptions:
    """Task Singular Vectors, compressed: one model a task."""

    compression: int | None = _compression(
        "Each task stores one in so many of its singular directions; by default the number of models. 1 stores all."
    )
    qkv: str = _qkv()
    rank: str = _rank()

    def __post_init__(self) -> None:
        check_options(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class WudiOptions(MatrixOptions):
    """Weights whose difference from each task vector is least felt by that task's inputs."""

    solver: str = option(
        "adam",
        label="Solver",
        choices=SOLVERS,
        help="adam takes a fixed number of small steps from the sum of the task vectors, as published; least_squares "
        "goes to the minimum at once, another estimator that nobody has validated.",
    )
    steps: int = option(
        300,
        label="Steps",
        minimum=0,
        maximum=2000,
        step=50,
        help="Of Adam; the published method stops early, so more is not the same as better. Time grows with them.",
    )
    learning_rate: float = option(
        1e-5,
        label="Learning rate",
        minimum=0.0,
        maximum=0.1,
        step=1e-5,
        advanced=True,
        help="Of Adam: about how far an entry moves in one step.",
    )
    ridge: float = option(
        1e-6,
        label="Ridge",
        minimum=1e-12,
        maximum=1.0,
        step=1e-6,
        advanced=True,
        help="Of least_squares: what is added to the diagonal, as a share of its mean, so that a solution exists.",
    )
