"""Where models want a merged update: Consensus keeps what several of them want."""

import torch
from torch import Tensor

from mloss_core.errors import InvalidOptionError
from mloss_core.merging.flat.rule import SparseVectors, flat_rule
from mloss_core.merging.inputs import MergedTensor, MergeInputs, MergeRule
from mloss_core.merging.selection.options import ConsensusOptions, MConsensusOptions, TallMaskOptions
from mloss_core.types import Progress, part, silent


def thresholds_of(
    inputs: MergeInputs, options: "ConsensusOptions | MConsensusOptions | TallMaskOptions"
) -> tuple[float, ...]:
    """The threshold of each model: one for all, or the options' own for each.

    Raises:
        InvalidOptionError: not one for each model.
    """
    models = len(inputs.finetuned)
    if options.thresholds is None:
        return (options.threshold,) * models
    if len(options.thresholds) != models:
        raise InvalidOptionError(
            f"thresholds must be one for each model that is merged, {', '.join(inputs.names)}; "
            f"found {len(options.thresholds)} for {models}."
        )
    return options.thresholds


def wanted(vector: Tensor, merged: Tensor, threshold: float) -> Tensor:
    """Where a model's change exceeds `threshold` times its distance from the merged update; never where it is 0.

    Example:
        >>> wanted(torch.tensor([1.0, 1.0, 0.0, -2.0]), torch.tensor([3.0, 4.0, 0.0, 1.0]), 0.4).tolist()
        [True, False, False, True]
    """
    return vector.abs() > threshold * (merged - vector).abs()


def consensus(
    inputs: MergeInputs, options: "ConsensusOptions | MConsensusOptions", progress: Progress = silent
) -> MergeRule:
    """Make Consensus ready: the merged update wherever at least `min_agree` models want it, 0 elsewhere.

    The realised keep of a tensor is the fraction of its entries that stay.
    """
    thresholds = thresholds_of(inputs, options)
    vectors = SparseVectors(inputs, options.plan())
    vectors.find_cuts(part(progress, 0.0, 0.5))
    unified = flat_rule(inputs, options.unified(), part(progress, 0.5, 1.0))

    def tensor(key: str) -> MergedTensor:
        merged = unified.tensor(key).update.to(inputs.device)
        votes = torch.zeros(merged.shape, dtype=torch.int16, device=merged.device)
        for model, threshold in enumerate(thresholds):
            votes += wanted(vectors.vector(model, key), merged, threshold)
        stays = votes >= options.min_agree
        return MergedTensor.selected(merged, stays)

    # A lone model is at no distance from the merged update: it wants all that it changed.
    exact = unified.exact if options.min_agree <= 1 else None
    return MergeRule(tensor=tensor, scale=options.scale, exact=exact)
