"""The CLIP vision transformer: its architecture read from shapes, the tower that runs it, its blocks and sites."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor

from mloss_core.errors import unknown_name
from mloss_core.placement import placed
from mloss_core.types import StateDict
from mloss_core.vision.architecture import Architecture


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
            image_size=architecture.image_size,
            patch_size=architecture.patch,
            width=architecture.width,
            layers=architecture.layers,
            heads=architecture.heads,
            mlp_ratio=architecture.mlp_width / architecture.width,
            output_dim=architecture.embed_dim,
            act_layer=activation_layer(architecture.activation),
            norm_layer=lambda size: LayerNorm(size, eps=architecture.layer_norm_eps),
            **_kind_options(architecture),
        )
    if trainable:
        weights = {key: tensor.detach().to(device, torch.float32, copy=True) for key, tensor in state.items()}
    else:
        weights = {key: placed(state, key, device) for key in state}
    tower.load_state_dict(weights, assign=True)
    return tower.eval().requires_grad_(trainable)


def for_features(tower: Any, architecture: Architecture) -> torch.nn.Module:
    """Make a tower that gives its class token run the last block for that token alone; nothing else reaches features.

    Args:
        tower: of `build_tower`, which is changed and given back. Its last block gives (image, 1, width) then.
        architecture: of its weights.
    """
    if architecture.pool == "class" and not architecture.pooler_queries:
        last = tower.transformer.resblocks[-1]
        last.forward = partial(_class_token, last)
    return tower


def _class_token(block: Any, tokens: Tensor, attn_mask: None = None) -> Tensor:
    """What a block of open_clip makes of the class token: (image, token, width) to (image, 1, width)."""
    inputs = block.ln_1(tokens)
    attended = tokens[:, :1] + block.ls_1(block.attention(inputs[:, :1], inputs, inputs))
    return attended + block.ls_2(block.mlp(block.ln_2(attended)))


def _kind_options(architecture: Architecture) -> dict[str, Any]:
    """What open_clip's tower must be told of the kinds that differ from OpenAI's."""
    patches, queries = architecture.pool == "patches", architecture.pooler_queries
    return {
        "no_ln_pre": not architecture.ln_pre,
        "ls_init_value": 1.0 if architecture.layer_scale else None,
        "pool_type": "avg" if patches else "tok",
        "final_ln_after_pool": patches,
        "attentional_pool": bool(queries),
        "attn_pooler_queries": queries or 256,
    }


def activation_layer(name: str) -> Callable[[], torch.nn.Module]:
    """The module class open_clip builds its MLPs with, for an activation name."""
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
