"""M-Weights: how much of each model goes into each block, from the difference between merging and ensembling there."""

import functools
from collections.abc import Mapping

import torch
from torch import Tensor

from mloss_core.caching import digest_of
from mloss_core.errors import CheckpointError, InvalidOptionError
from mloss_core.merging.data_driven.options import MWeightsOptions
from mloss_core.merging.data_driven.statistics import CoefficientSystem, require
from mloss_core.merging.inputs import MergedTensor, MergeInputs, MergeRule
from mloss_core.placement import one_thread
from mloss_core.types import Progress, silent


def m_weights(inputs: MergeInputs, options: MWeightsOptions, progress: Progress = silent) -> MergeRule:
    """Make the merge ready: coefficients of all blocks.

    Raises:
        InvalidOptionError: no statistics, or some of another number of models.
        CheckpointError: activations or weights that are not finite.
    """
    merge = _Weighted(inputs, options, progress)
    return MergeRule(tensor=merge.tensor, scale=options.scale, exact=inputs.alone(merge.plain))


def fitted(curvature: Tensor, slope: Tensor, ridge: float) -> Tensor:
    """Coefficients that minimise d @ curvature @ d - 2 d @ slope + r |d|^2, where d is their distance to the average.

    Args:
        curvature: (..., model, model), float64.
        slope: (..., model).
        ridge: r in units of the mean of the curvature's diagonal. Where that is 0 nothing is known: the average.

    Returns:
        (..., model); 1 / models is the average.
    """
    models = slope.shape[-1]
    size = curvature.diagonal(dim1=-2, dim2=-1).mean(-1)
    known = size > 0
    unit = torch.where(known, size, torch.ones_like(size))
    system = curvature / unit[..., None, None] + max(ridge, 1e-9) * torch.eye(models, dtype=curvature.dtype)
    moved = torch.linalg.solve(system, (slope / unit[..., None])[..., None])[..., 0]
    return 1 / models + torch.where(known[..., None], moved, torch.zeros_like(moved))


class _Weighted:
    def __init__(self, inputs: MergeInputs, options: MWeightsOptions, progress: Progress) -> None:
        self._inputs, self._models = inputs, len(inputs.finetuned)
        systems = require(inputs.statistics, "M-Weights").coefficient_systems(options.images, progress)
        for prefix, system in systems.items():
            self._check(prefix, system)
        with one_thread():
            blocks = {prefix: _of_block(system, options.ridge) for prefix, system in systems.items()}
            self._blocks = _controlled(blocks, options.coefficients, inputs.seed)
            self._rows = (
                {}
                if options.per == "block" or options.coefficients != "fitted"
                else {
                    key: fitted(system.curvature, system.slope, options.ridge)
                    for system in systems.values()
                    for key in system.rows
                }
            )
        even = torch.full((self._models,), 1 / self._models, dtype=torch.float64)
        self._elsewhere = torch.stack(list(self._blocks.values())).mean(0) if self._blocks else even

    @property
    def plain(self) -> bool:
        """Whether every coefficient is that of the average."""
        found = [*self._blocks.values(), *self._rows.values(), self._elsewhere]
        return all(bool((each == 1 / self._models).all()) for each in found)

    def tensor(self, key: str) -> MergedTensor:
        """The merged update of one tensor."""
        shares = self._shares(key)
        vectors = self._inputs.counted(key)
        terms = (_weighted(vector, shares[..., model]) for model, vector in enumerate(vectors))
        return MergedTensor.of(functools.reduce(torch.add, terms), vectors)

    def _shares(self, key: str) -> Tensor:
        """Coefficients of a tensor, (model,), or of each of its rows, (row, model)."""
        if key in self._rows:
            return self._rows[key]
        named = [prefix for prefix in self._blocks if key.startswith(prefix)]
        return self._blocks[named[0]] if named else self._elsewhere

    def _check(self, prefix: str, system: CoefficientSystem) -> None:
        if system.slope.shape[-1] != self._models:
            raise InvalidOptionError(
                f"coefficients of {prefix} must be of the {self._models} models that are merged; "
                f"the statistics are of {system.slope.shape[-1]}."
            )
        if not bool(torch.isfinite(system.curvature).all() and torch.isfinite(system.slope).all()):
            raise CheckpointError(
                f"activations of {prefix.rstrip('.')} must be finite; found NaN or infinity. Look for a damaged or "
                "diverged checkpoint."
            )


def _weighted(vector: Tensor, shares: Tensor) -> Tensor:
    """A task vector times one number, or times one for each of its rows."""
    share = shares.to(vector)
    return vector * (share.view(-1, *[1] * (vector.ndim - 1)) if share.ndim else share)


def _of_block(system: CoefficientSystem, ridge: float) -> Tensor:
    """All nodes of a block together."""
    return fitted(system.curvature.sum(0), system.slope.sum(0), ridge)


def _controlled(blocks: Mapping[str, Tensor], control: str, seed: int) -> dict[str, Tensor]:
    """The coefficients, or a control: moved to other blocks by the seed, or all alike with the same sum."""
    if control == "shuffled":
        draw = torch.Generator().manual_seed(int(digest_of("m_weights", seed)[:15], 16))
        # One cycle through all blocks: no block keeps its own, as it may in any shuffle of a few.
        order = [list(blocks)[place] for place in torch.randperm(len(blocks), generator=draw).tolist()]
        return {prefix: blocks[order[place - 1]] for place, prefix in enumerate(order)}
    if control == "equal" and blocks:
        level = torch.stack(list(blocks.values())).mean()
        return {prefix: torch.full_like(shares, float(level)) for prefix, shares in blocks.items()}
    return dict(blocks)
