"""The diagonal of the Fisher information of an encoder with a head, one image's gradient at a time."""

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from mloss_core.mloss.inputs import BATCH_BYTES

_MOST = 32
"""Images whose gradients are computed together, where memory allows it."""


def fisher_information(
    tower: torch.nn.Module, head: Tensor, images: Tensor, labels: Tensor | None = None, seed: int = 0
) -> dict[str, Tensor]:
    """Mean over images of the squared gradient of log p(label | image), for every parameter.

    Args:
        tower: gives features (image, embed_dim) of normalised images; its parameters are not changed.
        head: (class, embed_dim), on the tower's device; logits are normalize(features) @ head.T.
        images: (image, 3, side, side).
        labels: (image,); None draws each from the model's own probabilities.
        seed: of that draw.

    Returns:
        float32, by parameter name, on the tower's device.
    """
    weights = {name: weight.detach() for name, weight in tower.named_parameters()}

    def log_probabilities(parameters: dict[str, Tensor], batch: Tensor) -> Tensor:
        features = torch.func.functional_call(tower, parameters, (batch,))
        return torch.log_softmax(torch.nn.functional.normalize(features, dim=-1) @ head.T, dim=-1)

    def likelihood(parameters: dict[str, Tensor], image: Tensor, label: Tensor) -> Tensor:
        # A product with one-hot labels in place of an index, which cannot be vectorised over images.
        return (log_probabilities(parameters, image[None])[0] * label).sum()

    gradients = torch.func.vmap(torch.func.grad(likelihood), in_dims=(None, 0, 0))
    together = max(1, min(_MOST, BATCH_BYTES // (4 * sum(weight.numel() for weight in weights.values()))))
    draw = torch.Generator().manual_seed(seed)
    sums = {name: torch.zeros_like(weight) for name, weight in weights.items()}
    for start in range(0, len(images), together):
        batch = images[start : start + together].to(head.device, torch.float32)
        if labels is None:
            with torch.no_grad():
                chances = log_probabilities(weights, batch).exp().cpu()
            chosen = torch.multinomial(chances, 1, generator=draw)[:, 0]
        else:
            chosen = labels[start : start + together].cpu()
        wanted = torch.nn.functional.one_hot(chosen, len(head)).to(batch)
        # The fused attention has no gradient that can be vectorised over images.
        with sdpa_kernel(SDPBackend.MATH):
            found = gradients(weights, batch, wanted)
        for name, gradient in found.items():
            sums[name] += gradient.detach().square().sum(0)
    return {name: total / len(images) for name, total in sums.items()}
