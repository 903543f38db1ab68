"""M-Loss of the nodes of one layer: merged against ensembled activation, squared, averaged over tokens."""

from collections.abc import Callable, Iterable, Sequence

import torch
from torch import Tensor

from mloss_core.errors import InvalidOptionError
from mloss_core.vision.towers import activation_function

Linear = tuple[Tensor, Tensor]
"""Weight (node, feature) and bias (node,) of a layer."""
CHUNK_VALUES = 1 << 21
"""Values (token x node) that one chunk of tokens may take, so that memory stays flat whatever the model."""


def check_weights(weights: Sequence[float] | None, models: int) -> list[float]:
    """The models' weights, equal ones for None.

    Raises:
        InvalidOptionError: another number of weights than models, or weights that do not sum to 1.
    """
    if weights is None:
        return [1 / models] * models
    share = [float(weight) for weight in weights]
    if len(share) != models:
        raise InvalidOptionError(f"weights must be one number for each of the {models} models; found {len(share)}.")
    if not abs(sum(share) - 1) <= 1e-4:
        raise InvalidOptionError(f"weights must sum to 1; found a sum of {sum(share):g}.")
    return share


def node_mloss(pre_activations: Tensor, weights: Sequence[float] | None = None, activation: str = "gelu") -> Tensor:
    """M-Loss of each node: mean over tokens of (phi(sum_i w_i z_i) - sum_i w_i phi(z_i))^2.

    Args:
        pre_activations: z, (model, token, node).
        weights: of the models, summing to 1; equal by default.
        activation: phi, a name of `mloss_core.vision.towers.activation_function`.

    Returns:
        (node,), float32 or better, at least 0; 0 for identical models and for the identity.

    Example:
        >>> node_mloss(torch.tensor([[[2.0]], [[-2.0]]]), activation="relu")
        tensor([1.])
    """
    if pre_activations.ndim != 3:
        raise InvalidOptionError(
            f"pre-activations must have the axes (model, token, node); found shape {tuple(pre_activations.shape)}."
        )
    share = check_weights(weights, len(pre_activations))
    z = pre_activations.to(torch.promote_types(pre_activations.dtype, torch.float32))
    return difference(iter(z), share, activation_function(activation))[0].square().mean(0)


def difference(
    pre_activations: Iterable[Tensor], weights: Sequence[float], phi: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """phi(sum_i w_i z_i) - sum_i w_i phi(z_i), and its first term, with one model's z in memory at a time."""
    first: tuple[Tensor, Tensor] | None = None
    mean = ensembled = torch.zeros(())
    for weight, z in zip(weights, pre_activations, strict=True):
        activated = phi(z)
        if first is None:
            first, mean, ensembled = (z, activated), z.clone(), activated.clone()
        else:
            # Around the first model: models that agree then differ by 0, not by what rounding leaves of a sum.
            mean.add_(z - first[0], alpha=weight)
            ensembled.add_(activated - first[1], alpha=weight)
    if first is None:
        raise InvalidOptionError("M-Loss needs at least one model.")
    merged = phi(mean)
    return merged - ensembled, merged


def image_sums(
    inputs: Sequence[Tensor], layers: Sequence[Linear], weights: Sequence[float], phi: Callable[[Tensor], Tensor]
) -> tuple[Tensor, Tensor]:
    """Per image: node M-Loss, and the scale-free distance of the whole layer.

    Args:
        inputs: the layer's input (image, token, feature): one that all models share, or one for each.
        layers: each model's weight and bias.
        weights: of the models.
        phi: the activation.

    Returns:
        Node M-Loss (image, node): mean over the image's tokens of the squared difference; and (image,) the norm of
        the difference over the norm of the merged activation, both over tokens and nodes.
    """
    images, tokens, _ = inputs[0].shape
    nodes = len(layers[0][1])
    step = max(1, CHUNK_VALUES // max(1, tokens * nodes))
    squares, ratios = [], []
    for start in range(0, images, step):
        pieces = [part[start : start + step] for part in inputs]
        z = (
            torch.nn.functional.linear(pieces[model if len(pieces) > 1 else 0], weight, bias)
            for model, (weight, bias) in enumerate(layers)
        )
        gap, merged = difference(z, weights, phi)
        squared = gap.square_()
        squares.append(squared.mean(1))
        ratios.append(squared.sum((1, 2)).sqrt() / (merged.square().sum((1, 2)).sqrt() + 1e-8))
    return torch.cat(squares), torch.cat(ratios)
