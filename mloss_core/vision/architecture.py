"""A CLIP vision tower in numbers, and the names of its sites and weights. Imports no torch."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from mloss_core.errors import CheckpointError, LayerNotFoundError
from mloss_core.types import StateDict
from mloss_core.vision.shapes import shape_problems

LINEAR_MAPS = ("attn.in_proj_weight", "attn.out_proj.weight", "mlp.c_fc.weight", "mlp.c_proj.weight")
"""Weights of the linear maps of one block, in the order in which tokens meet them."""
PROJECTION = "proj"

_LETTERS = {(384, 12): "S", (768, 12): "B", (1024, 24): "L", (1280, 32): "H", (1408, 40): "g", (1664, 48): "bigG"}
BLOCK_PREFIX = "transformer.resblocks.{}."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Architecture:
    """A CLIP vision tower in numbers, of any kind that open_clip's vision transformer has.

    Args:
        width, layers, heads, mlp_width, embed_dim: of the transformer and its output.
        patch, grid: pixels a side of a patch, patches a side of an image.
        activation: gelu, gelu_tanh, quick_gelu, relu or leaky_relu.
        layer_norm_eps: of every norm.
        mean, std: of the pixels that it was trained on.
        ln_pre: there is a norm in front of the blocks; CLIPA has none.
        layer_scale: what a half of a block adds is scaled.
        pool: what becomes the output: the `class` token, or the mean of the `patches`, which is normed afterwards.
        pooler_queries: of the attention pooling of CoCa; 0 for none.
    """

    width: int
    layers: int
    heads: int
    patch: int
    grid: int
    mlp_width: int
    embed_dim: int
    activation: str = "gelu"
    layer_norm_eps: float = 1e-5
    mean: tuple[float, float, float] = (0.48145466, 0.4578275, 0.40821073)
    std: tuple[float, float, float] = (0.26862954, 0.26130258, 0.27577711)
    ln_pre: bool = True
    layer_scale: bool = False
    pool: str = "class"
    pooler_queries: int = 0

    @property
    def image_size(self) -> int:
        """Side of the square input in pixels."""
        return self.patch * self.grid

    @property
    def tokens(self) -> int:
        """Class token and patches."""
        return self.grid**2 + 1

    @property
    def sites(self) -> tuple[str, ...]:
        """Where M-Loss is measured, one site a block: the linear layer in front of the activation."""
        return tuple(f"blocks.{block}.mlp.c_fc" for block in range(self.layers))

    @property
    def name(self) -> str:
        """The usual name of these numbers, such as `ViT-B-32`, which several models may share; or what it is."""
        side = f"-{self.image_size}" if self.image_size != 224 else ""
        letter = _LETTERS.get((self.width, self.layers))
        return f"ViT-{letter}-{self.patch}{side}" if letter else "vision transformer"

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {
            name: list(value) if isinstance(value, tuple) else value for name, value in dataclasses.asdict(self).items()
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Architecture":
        """The architecture of `to_dict`."""
        fields: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in values.items()}
        return cls(**fields)


def infer_architecture(state: StateDict, *, heads: int | None = None, **facts: Any) -> Architecture:
    """The architecture that canonical open_clip visual weights have.

    Args:
        state: canonical keys (`conv1.weight`, `transformer.resblocks.0.mlp.c_fc.weight`, ...).
        heads: attention heads, which shapes do not show; width / 64 (16 from width 1280 on) unless told.
        facts: fields that the checkpoint records: activation, layer_norm_eps, mean, std.

    Raises:
        CheckpointError: a tensor that every CLIP vision tower has is missing, the shapes do not fit each other, or
            the heads do not divide the width.
    """
    problems = shape_problems({key: tuple(state[key].shape) for key in state})
    try:
        width, _, patch, _ = state["conv1.weight"].shape
        tokens = state["positional_embedding"].shape[0]
        mlp_width = state[BLOCK_PREFIX.format(0) + "mlp.c_fc.weight"].shape[0]
        embed_dim = state["proj"].shape[1]
    except KeyError as error:
        raise CheckpointError(f"no CLIP vision tower: the weights lack {error.args[0]}.") from error
    if problems:
        raise CheckpointError(f"the vision tower's weights must fit each other: {' '.join(problems[:3])}")
    layers = sum(1 for key in state if key.endswith(".mlp.c_fc.weight"))
    if heads is None:
        heads = guessed_heads(width)
    if width % heads:
        raise CheckpointError(
            f"attention heads must divide the width; found {heads} heads and a width of {width}. Tell their number."
        )
    query, ln_pre = state.get("attn_pool.query"), "ln_pre.weight" in state
    kind = {
        "ln_pre": ln_pre,
        "layer_scale": BLOCK_PREFIX.format(0) + "ls_1.gamma" in state,
        # CLIPA, the only family without that norm, averages its patches; no tensor shows it.
        "pool": "class" if ln_pre else "patches",
        "pooler_queries": 0 if query is None else len(query),
    }
    return Architecture(
        width=width,
        layers=layers,
        heads=heads,
        patch=patch,
        grid=math.isqrt(tokens - 1),
        mlp_width=mlp_width,
        embed_dim=embed_dim,
        **(kind | facts),
    )


def guessed_heads(width: int) -> int:
    """How many attention heads a tower of this width usually has; shapes do not show it."""
    return 16 if width >= 1280 else max(1, width // 64)


def weight_key(site: str) -> str:
    """State-dict key of a site's weight: `blocks.8.mlp.c_fc` -> `transformer.resblocks.8.mlp.c_fc.weight`."""
    return site.replace("blocks.", "transformer.resblocks.", 1) + ".weight"


def scored_weight(block: int) -> str:
    """State-dict key of the weight whose rows M-Loss scores in a block."""
    return weight_key(f"blocks.{block}.mlp.c_fc")


def site_block(site: str) -> int:
    """Block index of a site: `blocks.8.mlp.c_fc` -> 8."""
    return int(site.split(".")[1])


def check_blocks(blocks: tuple[int, ...] | None, layers: int) -> tuple[int, ...]:
    """The block indices, all of them for None.

    Raises:
        LayerNotFoundError: an index outside 0..layers-1, or no block at all.
    """
    if blocks is None:
        return tuple(range(layers))
    wrong = [block for block in blocks if not 0 <= block < layers]
    if wrong or not blocks:
        found = f"block {', '.join(map(str, wrong))}" if wrong else "an empty list"
        raise LayerNotFoundError(f"blocks must be among 0 to {layers - 1} here ({layers} blocks); found {found}.")
    return blocks


def block_prefix(block: int) -> str:
    """What the keys of one block begin with."""
    return f"transformer.resblocks.{block}."
