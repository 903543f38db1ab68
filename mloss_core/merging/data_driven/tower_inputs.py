"""What every linear map of the tower is fed: its own arithmetic, opened where layers keep it to themselves."""

from collections.abc import Sequence

import torch
from torch import Tensor

from mloss_core.errors import InvalidOptionError
from mloss_core.types import StateDict
from mloss_core.vision.architecture import LINEAR_MAPS, Architecture
from mloss_core.vision.blocks import Block


def linear_inputs(block: Block, tokens: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """Inputs of a block's linear maps, by their names in `LINEAR_MAPS`, and the block's output.

    Args:
        block: with its weights.
        tokens: the block's input, (image, token, width).
    """
    functional = torch.nn.functional
    found = {LINEAR_MAPS[0]: block.ln_1(tokens)}
    attention = block.attn
    fused = functional.linear(found[LINEAR_MAPS[0]], attention.in_proj_weight, attention.in_proj_bias)
    images, count, width = tokens.shape
    split = fused.view(images, count, 3, attention.num_heads, width // attention.num_heads).permute(2, 0, 3, 1, 4)
    mixed = functional.scaled_dot_product_attention(split[0], split[1], split[2])
    found[LINEAR_MAPS[1]] = mixed.transpose(1, 2).reshape(images, count, width)
    attended = tokens + block.ls_1(attention.out_proj(found[LINEAR_MAPS[1]]))
    found[LINEAR_MAPS[2]] = block.mlp_inputs(attended)
    found[LINEAR_MAPS[3]] = block.activation(block.mlp["c_fc"](found[LINEAR_MAPS[2]]))
    return found, attended + block.ls_2(block.mlp["c_proj"](found[LINEAR_MAPS[3]]))


def projection_inputs(architecture: Architecture, state: StateDict, tokens: Tensor) -> Tensor:
    """What the last projection is fed: the class token, or the mean of the patches, after its norm; (image, 1, width).

    Args:
        architecture: of the weights.
        state: canonical weights, of which two small tensors are read.
        tokens: output of the last block.

    Raises:
        InvalidOptionError: a tower with attention pooling, whose statistics are not collected.
    """
    if architecture.pooler_queries:
        raise InvalidOptionError("statistics of inputs are not collected for towers with attention pooling (CoCa).")
    scale, shift = (state[f"ln_post.{part}"].to(tokens.device, torch.float32) for part in ("weight", "bias"))
    pooled = tokens[:, 1:].mean(1, keepdim=True) if architecture.pool == "patches" else tokens[:, :1]
    return torch.nn.functional.layer_norm(pooled, (architecture.width,), scale, shift, architecture.layer_norm_eps)


def parts(count: int, size: int) -> Sequence[slice]:
    """Consecutive slices of at most `size` that cover `count`."""
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]
