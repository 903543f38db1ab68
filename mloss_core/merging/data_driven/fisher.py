"""Fisher merging: the mean of the weights, each as heavy as its model's predictions depend on it."""

import logging
import math

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from mloss_core.errors import CheckpointError
from mloss_core.merging.data_driven.options import FisherOptions
from mloss_core.merging.data_driven.statistics import require
from mloss_core.merging.inputs import MergedTensor, MergeInputs, MergeRule
from mloss_core.merging.tensors.consensus import mean
from mloss_core.mloss.inputs import BATCH_BYTES
from mloss_core.types import Progress, part, silent

_MOST = 32
"""Images whose gradients are computed together, where memory allows it."""

_LOG = logging.getLogger(__name__)


def fisher(inputs: MergeInputs, options: FisherOptions, progress: Progress = silent) -> MergeRule:
    """Make Fisher merging ready: the weighted sums of all models, whose information is read one model at a time.

    Raises:
        InvalidOptionError: no statistics. CheckpointError: information or weights that are not finite.
    """
    statistics = require(inputs.statistics, "Fisher")
    models = len(inputs.finetuned)
    alone = inputs.alone()
    sums: dict[str, list[Tensor]] = {}
    for model in range(0 if alone is not None else models):
        found = statistics.fisher(model, options.images, options.labels, part(progress, model / models, 1.0))
        found = {key: found[key] for key in inputs.moving if key in found}
        weight = 1 / (_norm(found, inputs.names[model]) + options.floor) if options.normalise else 1.0
        for key, information in found.items():
            precision = inputs.dtype(model, [key])
            share = weight * (information.to(inputs.device, precision) + options.floor)
            terms = [share * inputs.thinned_vector(model, key), share]
            sums[key] = [old + new for old, new in zip(sums[key], terms, strict=True)] if key in sums else terms
    _tell_of_missing(inputs, sums, alone is not None)

    def tensor(key: str) -> MergedTensor:
        vectors = inputs.counted(key)
        update = mean(vectors)
        if key in sums:
            update = sums[key][0] / sums[key][1]
        return MergedTensor.of(update, vectors)

    return MergeRule(tensor=tensor, scale=options.scale, exact=alone)


def _norm(information: dict[str, Tensor], name: str) -> float:
    """Euclidean norm of all entries."""
    norm = math.sqrt(sum(float(tensor.double().square().sum()) for tensor in information.values()))
    if not math.isfinite(norm):
        raise CheckpointError(
            f"the Fisher information of {name} must be finite; found NaN or infinity. Look for a damaged or diverged "
            "checkpoint."
        )
    return norm


def _tell_of_missing(inputs: MergeInputs, found: dict[str, list[Tensor]], alone: bool) -> None:
    lacking = [key for key in inputs.moving if key not in found]
    if lacking and not alone:
        _LOG.warning("no Fisher information of %d tensors, %s among them: they are averaged.", len(lacking), lacking[0])


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
