"""Fisher merging: the mean of the weights, each as heavy as its model's predictions depend on it."""

import logging
import math

import torch
from torch import Tensor

from mloss_core.errors import CheckpointError
from mloss_core.merging.consensus import mean
from mloss_core.merging.data_options import FisherOptions
from mloss_core.merging.inputs import MergedTensor, MergeInputs, MergeRule
from mloss_core.merging.statistics import require
from mloss_core.types import Progress, part, silent

_LOG = logging.getLogger(__name__)


def fisher(inputs: MergeInputs, options: FisherOptions, progress: Progress = silent) -> MergeRule:
    """Make Fisher merging ready: the weighted sums of all models, whose information is read one model at a time.

    Raises:
        InvalidOptionError: no statistics. CheckpointError: information or weights that are not finite.
    """
    statistics = require(inputs.statistics, "Fisher")
    models = len(inputs.finetuned)
    alone = models == 1 and not inputs.pre
    sums: dict[str, list[Tensor]] = {}
    for model in range(0 if alone else models):
        found = statistics.fisher(model, options.images, options.labels, part(progress, model / models, 1.0))
        found = {key: found[key] for key in inputs.moving if key in found}
        weight = 1 / (_norm(found, inputs.names[model]) + options.floor) if options.normalise else 1.0
        for key, information in found.items():
            precision = inputs.dtype(model, [key])
            share = weight * (information.to(inputs.device, precision) + options.floor)
            terms = [share * inputs.thinned_vector(model, key), share]
            sums[key] = [old + new for old, new in zip(sums[key], terms, strict=True)] if key in sums else terms
    _tell_of_missing(inputs, sums, alone)

    def tensor(key: str) -> MergedTensor:
        kept = 0

        def vector(model: int) -> Tensor:
            nonlocal kept
            thinned = inputs.thinned_vector(model, key)
            kept += int(torch.count_nonzero(thinned))
            return thinned

        update = mean(map(vector, range(models)))
        share = kept / max(update.numel() * models, 1)
        if key in sums:
            update = sums[key][0] / sums[key][1]
        return MergedTensor(update.cpu(), share)

    return MergeRule(tensor=tensor, scale=options.scale, exact=inputs.finetuned[0] if alone else None)


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
