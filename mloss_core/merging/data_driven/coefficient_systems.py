"""How coefficients of the models move each block's activations, and how far those are from the Ensemble's."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mloss_core.merging.data_driven.statistics import CoefficientSystem
from mloss_core.merging.data_driven.tower_inputs import parts
from mloss_core.mloss.accumulate import source_layers
from mloss_core.mloss.inputs import BATCH_BYTES, feeding_networks, site_inputs
from mloss_core.mloss.measure import activation_of
from mloss_core.mloss.node import Linear
from mloss_core.placement import placed
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress, silent
from mloss_core.vision.architecture import block_prefix, weight_key
from mloss_core.zoo.model import Zoo


def coefficient_systems(
    zoo: Zoo, images: Tensor, options: MLossOptions, progress: Progress = silent
) -> dict[str, CoefficientSystem]:
    """Normal equations of every block, on inputs that all models share.

    Args:
        zoo: the models that are merged.
        images: (image, 3, side, side).
        options: of M-Loss: what feeds the blocks (`own` is taken as progressive, as a merged block has one input),
            tokens and activation.
        progress: told block by block.
    """
    models = len(zoo.tasks)
    mode = "progressive" if options.input_mode == "own" else options.input_mode
    networks = feeding_networks(zoo, mode, [1 / models] * models)
    _, phi = activation_of(zoo, options)
    found: dict[int, _Sums] = {}
    loaded, layers, base = -1, list[Linear](), _pretrained_layer(zoo, 0)
    blocks = range(zoo.architecture.layers)
    for batch in site_inputs(zoo, networks, images, blocks, options.tokens):
        if batch.block != loaded:
            progress(batch.block / len(blocks), f"activations of block {batch.block}")
            layers, base, loaded = source_layers(zoo, batch.block), _pretrained_layer(zoo, batch.block), batch.block
        sums = found.setdefault(batch.block, _Sums(zoo.architecture.mlp_width, models, zoo.device))
        sums.add(batch.inputs[0].flatten(0, 1), layers, base, phi)
    return {block_prefix(block): sums.system(_rows(zoo, block)) for block, sums in found.items()}


def node_system(
    inputs: Tensor, layers: Sequence[Linear], base: Linear, phi: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Curvature (node, model, model) and slope (node, model), float64, summed over tokens.

    With z_i = x @ W_i.T + b_i of model i and z of the average of the models, the merged activation moves by
    phi'(z) * (z_i - z_0) where model i's coefficient does, and is to move by the mean of phi(z_i), minus phi(z).

    Args:
        inputs: (token, width).
        layers: weight and bias of every model; `base` those of the pretrained one.
        phi: the activation.
    """
    linear = torch.nn.functional.linear
    outputs = torch.stack([linear(inputs, *layer) for layer in layers])
    average = outputs.mean(0)
    gap = phi(outputs).mean(0) - phi(average)
    moves = (outputs - linear(inputs, *base)) * _derivative(phi, average)
    by_node = moves.permute(2, 0, 1).double()
    return by_node @ by_node.mT, (by_node @ gap.T.double()[..., None])[..., 0]


class _Sums:
    def __init__(self, nodes: int, models: int, device: torch.device) -> None:
        self._curvature = torch.zeros(nodes, models, models, dtype=torch.float64, device=device)
        self._slope = torch.zeros(nodes, models, dtype=torch.float64, device=device)
        self._tokens = 0

    def add(self, inputs: Tensor, layers: Sequence[Linear], base: Linear, phi: Callable[[Tensor], Tensor]) -> None:
        nodes, models = self._slope.shape
        for span in parts(len(inputs), max(1, BATCH_BYTES // (8 * nodes * models))):
            curvature, slope = node_system(inputs[span], layers, base, phi)
            self._curvature += curvature
            self._slope += slope
        self._tokens += len(inputs)

    def system(self, rows: tuple[str, ...]) -> CoefficientSystem:
        """Means over tokens."""
        return CoefficientSystem((self._curvature / self._tokens).cpu(), (self._slope / self._tokens).cpu(), rows)


def _rows(zoo: Zoo, block: int) -> tuple[str, ...]:
    key = weight_key(zoo.architecture.sites[block])
    return key, key.removesuffix("weight") + "bias"


def _pretrained_layer(zoo: Zoo, block: int) -> Linear:
    weight, bias = (placed(zoo.pretrained.weights, key, zoo.device) for key in _rows(zoo, block))
    return weight, bias


def _derivative(phi: Callable[[Tensor], Tensor], at: Tensor) -> Tensor:
    """Of an element-wise function."""
    with torch.enable_grad():
        leaf = at.detach().clone().requires_grad_(True)
        return torch.autograd.grad(phi(leaf).sum(), leaf)[0]
