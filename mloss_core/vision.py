"""The CLIP vision transformer: its architecture read from shapes, the tower that runs it, its blocks and sites."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from mloss_core.errors import CheckpointError, InvalidOptionError, LayerNotFoundError, unknown_name
from mloss_core.placement import placed
from mloss_core.types import StateDict

_LETTERS = {
    (384, 12): "S", (768, 12): "B", (1024, 24): "L", (1280, 32): "H", (1408, 40): "g", (1664, 48): "bigG",
}  # fmt: skip
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
        return cls(**{name: tuple(value) if isinstance(value, list) else value for name, value in values.items()})


def infer_architecture(state: StateDict, *, heads: int | None = None, **facts: Any) -> Architecture:
    """The architecture that canonical open_clip visual weights have.

    Args:
        state: canonical keys (`conv1.weight`, `transformer.resblocks.0.mlp.c_fc.weight`, ...).
        heads: attention heads, which shapes do not show; width / 64 (16 from width 1280 on) unless told.
        facts: fields that the checkpoint records: activation, layer_norm_eps, mean, std.

    Raises:
        CheckpointError: a tensor that every CLIP vision tower has is missing.
    """
    try:
        width, _, patch, _ = state["conv1.weight"].shape
        tokens = state["positional_embedding"].shape[0]
        mlp_width = state[BLOCK_PREFIX.format(0) + "mlp.c_fc.weight"].shape[0]
        embed_dim = state["proj"].shape[1]
    except KeyError as error:
        raise CheckpointError(f"no CLIP vision tower: the weights lack {error.args[0]}.") from error
    layers = sum(1 for key in state if key.endswith(".mlp.c_fc.weight"))
    if heads is None:
        heads = 16 if width >= 1280 else max(1, width // 64)
    query, ln_pre = state.get("attn_pool.query"), "ln_pre.weight" in state
    kind = {
        "ln_pre": ln_pre, "layer_scale": BLOCK_PREFIX.format(0) + "ls_1.gamma" in state,
        # CLIPA, the only family without that norm, averages its patches; no tensor shows it.
        "pool": "class" if ln_pre else "patches", "pooler_queries": 0 if query is None else len(query),
    }  # fmt: skip
    return Architecture(
        width=width, layers=layers, heads=heads, patch=patch, grid=math.isqrt(tokens - 1), mlp_width=mlp_width,
        embed_dim=embed_dim, **(kind | facts),
    )  # fmt: skip


def weight_key(site: str) -> str:
    """State-dict key of a site's weight: `blocks.8.mlp.c_fc` -> `transformer.resblocks.8.mlp.c_fc.weight`."""
    return site.replace("blocks.", "transformer.resblocks.", 1) + ".weight"


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


def activation_function(name: str, slope: float = 0.01) -> Callable[[Tensor], Tensor]:
    """The element-wise non-linearity of that name: gelu (erf), gelu_tanh, quick_gelu, relu, leaky_relu, identity."""
    functional = torch.nn.functional
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "gelu": functional.gelu,
        "gelu_tanh": lambda z: functional.gelu(z, approximate="tanh"),
        "quick_gelu": lambda z: z * torch.sigmoid(1.702 * z),
        "relu": functional.relu,
        "leaky_relu": lambda z: functional.leaky_relu(z, slope),
        "identity": lambda z: z,
    }
    if name not in functions:
        raise unknown_name("activation", name, tuple(functions))
    return functions[name]


def resolve_device(device: "str | torch.device" = "auto") -> torch.device:
    """`auto` is the first GPU, or the CPU where there is none; else the named device.

    Raises:
        InvalidOptionError: no such device here.
    """
    if str(device) == "auto":
        return torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    try:
        chosen = torch.device(device)
    except RuntimeError as error:
        raise InvalidOptionError(f"device must be auto, cpu or cuda:N; found {str(device)!r}.") from error
    if chosen.type == "cuda" and (chosen.index or 0) >= torch.cuda.device_count():
        raise InvalidOptionError(f"device {chosen} does not exist here: {torch.cuda.device_count()} GPUs were found.")
    if chosen.type not in {"cpu", "cuda"}:
        raise InvalidOptionError(f"device must be auto, cpu or cuda:N; found {str(device)!r}.")
    return chosen


def build_tower(
    architecture: Architecture, state: StateDict, device: "str | torch.device" = "cpu", *, trainable: bool = False
) -> torch.nn.Module:
    """open_clip's `VisionTransformer` with these weights, in evaluation mode.

    Its forward takes normalised images (image, 3, side, side) and gives features (image, embed_dim).

    Args:
        architecture: of the weights.
        state: canonical weights.
        device: where the tower runs.
        trainable: copy the weights and ask for gradients. Else there are none, and float32 weights on the same device
            are shared with `state`: never change them.
    """
    from open_clip.transformer import LayerNorm, VisionTransformer

    with torch.device("meta"):
        tower = VisionTransformer(
            image_size=architecture.image_size, patch_size=architecture.patch, width=architecture.width,
            layers=architecture.layers, heads=architecture.heads, mlp_ratio=architecture.mlp_width / architecture.width,
            output_dim=architecture.embed_dim, act_layer=activation_layer(architecture.activation),
            norm_layer=lambda size: LayerNorm(size, eps=architecture.layer_norm_eps),
            **_kind_options(architecture),
        )  # fmt: skip
    if trainable:
        weights = {key: tensor.detach().to(device, torch.float32, copy=True) for key, tensor in state.items()}
    else:
        weights = {key: placed(state, key, device) for key in state}
    tower.load_state_dict(weights, assign=True)
    return tower.eval().requires_grad_(trainable)


def _kind_options(architecture: Architecture) -> dict[str, Any]:
    """What open_clip's tower must be told of the kinds that differ from OpenAI's."""
    patches, queries = architecture.pool == "patches", architecture.pooler_queries
    return {
        "no_ln_pre": not architecture.ln_pre, "ls_init_value": 1.0 if architecture.layer_scale else None,
        "pool_type": "avg" if patches else "tok", "final_ln_after_pool": patches,
        "attentional_pool": bool(queries), "attn_pooler_queries": queries or 256,
    }  # fmt: skip


def activation_layer(name: str) -> Callable[[], torch.nn.Module]:
    """The module class open_clip builds its MLPs with, for an activation name."""
    from functools import partial

    from open_clip.transformer import QuickGELU

    layers: dict[str, Callable[[], torch.nn.Module]] = {
        "gelu": torch.nn.GELU,
        "gelu_tanh": partial(torch.nn.GELU, approximate="tanh"),
        "quick_gelu": QuickGELU,
        "relu": torch.nn.ReLU,
        "leaky_relu": torch.nn.LeakyReLU,
    }
    if name not in layers:
        raise unknown_name("activation", name, tuple(layers))
    return layers[name]
