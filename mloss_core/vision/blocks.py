"""What M-Loss runs of a vision tower, in plain PyTorch layers: what makes the first block's input, and one block.

Only this much is needed of open_clip, whose import takes longer than measuring the embedded zoo.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from mloss_core.placement import placed
from mloss_core.types import StateDict
from mloss_core.vision.architecture import BLOCK_PREFIX, Architecture
from mloss_core.vision.towers import activation_function


def image_embedder(
    architecture: Architecture, state: StateDict, device: "str | torch.device" = "cpu"
) -> Callable[[Tensor], Tensor]:
    """What makes the first block's input: normalised images (image, 3, side, side) to (image, token, width).

    Its weights are read once. The patches take a matrix product instead of the tower's convolution, which GPUs round to
    10 bits by default.
    """
    names = ("conv1.weight", "class_embedding", "positional_embedding")
    conv, start, position = (placed(state, name, device) for name in names)
    norm = tuple(placed(state, f"ln_pre.{part}", device) for part in ("weight", "bias")) if architecture.ln_pre else ()

    def embed(images: Tensor) -> Tensor:
        side = architecture.patch
        patches = torch.nn.functional.unfold(images.to(device, torch.float32), side, stride=side)
        tokens = torch.cat([start.expand(len(images), 1, -1), patches.mT @ conv.flatten(1).mT], dim=1) + position
        if not norm:
            return tokens
        weight, bias = norm
        return torch.nn.functional.layer_norm(tokens, (architecture.width,), weight, bias, architecture.layer_norm_eps)

    return embed


class LayerScale(torch.nn.Module):
    """A factor for every feature of what a half of a block adds, under open_clip's name."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.gamma = torch.nn.Parameter(torch.empty(width))

    def forward(self, values: Tensor) -> Tensor:
        """(.., width) to the same."""
        return values * self.gamma


class Block(torch.nn.Module):
    """One pre-norm transformer block of PyTorch's own layers, under open_clip's names, in two halves.

    M-Loss reads what lies between the halves, and only the first half of the last block.
    """

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        width, eps = architecture.width, architecture.layer_norm_eps
        self.ln_1 = torch.nn.LayerNorm(width, eps=eps)
        self.attn = torch.nn.MultiheadAttention(width, architecture.heads, batch_first=True)
        self.ln_2 = torch.nn.LayerNorm(width, eps=eps)
        self.mlp = torch.nn.ModuleDict(
            {
                "c_fc": torch.nn.Linear(width, architecture.mlp_width),
                "c_proj": torch.nn.Linear(architecture.mlp_width, width),
            }
        )
        self.activation = activation_function(architecture.activation)
        scale = LayerScale if architecture.layer_scale else torch.nn.Identity
        self.ls_1, self.ls_2 = scale(width), scale(width)

    def attended(self, tokens: Tensor) -> Tensor:
        """First half: (image, token, width) to the same."""
        inputs = self.ln_1(tokens)
        return tokens + self.ls_1(self.attn(inputs, inputs, inputs, need_weights=False)[0])

    def mlp_inputs(self, attended: Tensor) -> Tensor:
        """What reaches the first MLP layer."""
        return self.ln_2(attended)

    def output(self, attended: Tensor, mlp_inputs: Tensor) -> Tensor:
        """Second half, from the first half's output and `mlp_inputs` of it."""
        return attended + self.ls_2(self.mlp["c_proj"](self.activation(self.mlp["c_fc"](mlp_inputs))))


def build_block(
    architecture: Architecture, state: StateDict, index: int, device: "str | torch.device" = "cpu"
) -> Block:
    """One of the tower's blocks with its weights; reads no other tensor."""
    with torch.device("meta"):
        block = Block(architecture)
    prefix = BLOCK_PREFIX.format(index)
    names = [key for key in state if key.startswith(prefix)]
    weights = {key.removeprefix(prefix): placed(state, key, device) for key in names}
    block.load_state_dict(weights, assign=True)
    return block.eval().requires_grad_(False)
