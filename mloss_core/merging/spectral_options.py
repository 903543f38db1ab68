"""Options of the spectral methods: one dataclass a method, upon what they all share."""

import dataclasses
from typing import Any

from mloss_core.options import check_options, option

QKV = ("as_stored", "split")
VECTOR_RULES = ("mean", "sum", "zero")
RANK_POLICIES = ("numerical", "full")


def _scale(help: str) -> Any:
    return option(1.0, label="Scale", letter="α", minimum=0.0, maximum=5.0, step=0.05, help=help)


@dataclasses.dataclass(frozen=True, kw_only=True)
class SpectralOptions:
    """What every method that decomposes matrices lets one choose. Checked on making."""

    scale: float = _scale("Factor of the merged update; 0 gives the pretrained model back.")
    vectors: str = option(
        "mean", label="Other tensors", choices=VECTOR_RULES, advanced=True,
        help="What biases, norms and convolutions get, which have no spectrum: the mean of the task vectors, their "
        "sum, or nothing.",
    )  # fmt: skip
    vector_factor: float = option(
        1.0, label="Factor of other tensors", minimum=0.0, maximum=5.0, step=0.05, advanced=True,
        help="Multiplies the update of biases, norms and convolutions, beside the scale.",
    )  # fmt: skip
    qkv: str = option(
        "as_stored", label="Attention weight", choices=QKV, advanced=True,
        help="Take a fused query-key-value weight as one matrix, as it is stored, or as three.",
    )  # fmt: skip
    rank: str = option(
        "numerical", label="Rank", choices=RANK_POLICIES, advanced=True,
        help="Leave out directions that are rounding noise (numerical), or keep them as published code does (full): "
        "then a task vector of low rank gets arbitrary ones.",
    )  # fmt: skip

    def __post_init__(self) -> None:
        check_options(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TsvMOptions(SpectralOptions):
    """Task Singular Vectors, merged."""

    compression: int | None = option(
        None, label="Compression", letter=None, minimum=1, maximum=100, step=1, advanced=True,
        help="Each model keeps one in so many of its singular directions; by default the number of models. 1 keeps "
        "all.",
    )  # fmt: skip
    orthogonalise: bool = option(
        True, label="Orthogonalise", advanced=True,
        help="Turn the models' singular vectors so that they are orthogonal to each other; without it low-rank task "
        "vectors are summed.",
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class IsoCOptions(SpectralOptions):
    """Isotropic merging in the common subspace."""

    scale: float = _scale(
        "Factor of the merged update; 0 gives the pretrained model back. Published optima for 8, 14 and 20 models: "
        "ViT-B/32 1.3, 1.0, 0.9; ViT-B/16 1.4, 1.0, 0.8; ViT-L/14 1.5, 1.3, 1.0."
    )
    beta: float = option(
        1.0, label="Flattening", letter="β", minimum=0.0, maximum=1.0, step=0.05,
        help="How far every singular value of the summed task vectors goes to their mean; 0 is Task Arithmetic.",
    )  # fmt: skip


@dataclasses.dataclass(frozen=True, kw_only=True)
class IsoCTSOptions(SpectralOptions):
    """Isotropic merging in common and task-specific subspaces."""

    scale: float = _scale(
        "Factor of the merged update; 0 gives the pretrained model back. Published optima for 8, 14 and 20 models: "
        "ViT-B/32 1.5, 1.2, 1.1; ViT-B/16 1.6, 1.2, 1.1; ViT-L/14 1.9, 1.5, 1.2."
    )
    common_fraction: float = option(
        0.8, label="Common fraction", letter="f", minimum=0.0, maximum=1.0, step=0.05,
        help="Share of the singular directions that come from the summed task vectors; the models' own directions "
        "share the rest. 1 is Iso-C.",
    )  # fmt: skip
