"""RegMean: of every linear map the one whose outputs are closest, in the mean, to each model's on its own inputs."""

import dataclasses
import logging
from collections.abc import Mapping

import torch
from torch import Tensor

from mloss_core.caching import STATISTICS, digest_of
from mloss_core.errors import CheckpointError
from mloss_core.merging.data_driven.options import RegMeanOptions
from mloss_core.merging.data_driven.statistics import Moments, inputs_are_rows, require
from mloss_core.merging.inputs import MergedTensor, MergeInputs, MergeRule
from mloss_core.merging.results import MergedWeights, UpdateOnDemand
from mloss_core.merging.tensors.consensus import mean
from mloss_core.placement import one_thread
from mloss_core.state_dicts import state_digest
from mloss_core.types import Progress, silent

_LOG = logging.getLogger(__name__)
_REVISION = 2


def regmean(inputs: MergeInputs, options: RegMeanOptions, progress: Progress = silent) -> MergeRule:
    """Make RegMean ready: each model's inputs are its own.

    Raises:
        InvalidOptionError: no statistics. CheckpointError: weights or inputs that are not finite.
    """
    return _RegMean(inputs, options, feeds=False).rule(progress)


def regmean_pp(inputs: MergeInputs, options: RegMeanOptions, progress: Progress = silent) -> MergeRule:
    """Make RegMean++ ready: what reaches a block has come through the merged blocks before it.

    Raises:
        InvalidOptionError: no statistics. CheckpointError: weights or inputs that are not finite.
    """
    return _RegMean(inputs, options, feeds=True).rule(progress)


def shrunk(moments: Tensor, factor: float) -> Tensor:
    """Second moments with all but their diagonal multiplied by `factor`.

    Example:
        >>> shrunk(torch.tensor([[4.0, 2.0], [2.0, 9.0]]), 0.5).tolist()
        [[4.0, 1.0], [1.0, 9.0]]
    """
    return factor * moments + (1 - factor) * torch.diag(moments.diagonal())


def solve(moments: Tensor, products: Tensor, average: Tensor, ridge: float) -> Tensor | None:
    """The X that minimises sum_i tr((X - D_i).T G_i (X - D_i)) + r * |X - average|^2, or None where nothing is known.

    Args:
        moments: sum of all G_i, (inputs, inputs), float64.
        products: sum of all G_i @ D_i, (inputs, outputs).
        average: mean of all D_i, (inputs, outputs).
        ridge: r in units of the mean of the diagonal of `moments`.
    """
    pull = ridge * float(moments.diagonal().mean())
    system = moments + pull * torch.eye(len(moments), dtype=moments.dtype, device=moments.device)
    factor, failed = torch.linalg.cholesky_ex(system)
    return None if int(failed) else torch.cholesky_solve(products + pull * average, factor)


class _RegMean:
    def __init__(self, inputs: MergeInputs, options: RegMeanOptions, feeds: bool) -> None:
        self._inputs, self._options, self._feeds = inputs, options, feeds
        self._statistics = require(inputs.statistics, "RegMean++" if feeds else "RegMean")
        self._models, self._moving = len(inputs.finetuned), frozenset(inputs.moving)
        self._solved: Mapping[str, Tensor] = {}

    def rule(self, progress: Progress) -> MergeRule:
        alone = self._inputs.alone()
        if alone is None:
            self._solved = self._recalled(progress)
        return MergeRule(tensor=self.tensor, scale=self._options.scale, exact=alone)

    def tensor(self, key: str) -> MergedTensor:
        """The merged update of one tensor: solved for, or the mean."""
        vectors = self._inputs.counted(key)
        average = mean(vectors)
        return MergedTensor.of(self._solved.get(key, average), vectors)

    def _recalled(self, progress: Progress) -> Mapping[str, Tensor]:
        """The solutions, from the cache where the same images and models met before."""
        identity, cache = self._statistics.identity(self._options.images), self._inputs.cache
        if identity is None or cache is None:
            return self._computed(progress)
        options = [self._options.shrink, self._options.ridge]
        key = digest_of("regmean", _REVISION, self._feeds, identity, options, self._thinning())
        entry = cache.remember(STATISTICS, key, lambda: ({}, _arrays(self._computed(progress))))
        return {name: torch.from_numpy(array) for name, array in entry.arrays.items()}

    def _thinning(self) -> list:
        """All that the pre-processors make of a task vector: their settings, the seed, and the scores of rows."""
        steps = [[type(step).__name__, dataclasses.asdict(step)] for step in self._inputs.pre]
        return [self._inputs.seed, steps, state_digest(self._inputs.scores)] if steps else []

    def _computed(self, progress: Progress) -> Mapping[str, Tensor]:
        self._solved = solved = {}
        so_far = MergedWeights(
            self._inputs.pretrained, UpdateOnDemand(MergeRule(tensor=self.tensor), self._inputs.moving), 1.0
        )
        feed = so_far if self._feeds else None
        for moments in self._statistics.moments(self._options.images, feed, progress):
            solved.update(self._part(moments))
        return solved

    def _part(self, moments: Moments) -> dict[str, Tensor]:
        """Solutions of the maps whose inputs were measured together, one model's moments in memory at a time."""
        sums: dict[str, list[Tensor]] = {}
        for model in range(self._models):
            for key, found in moments.of(model).items():
                if key in self._moving:
                    self._add(sums, model, key, found)
        solutions = {key: self._solution(key, *parts) for key, parts in sums.items()}
        return {key: found for key, found in solutions.items() if found is not None}

    def _add(self, sums: dict[str, list[Tensor]], model: int, key: str, found: Tensor) -> None:
        if not bool(torch.isfinite(found).all()):
            raise CheckpointError(
                f"the inputs of {key} in {self._inputs.names[model]} must be finite; found NaN or infinity. "
                "Look for a damaged or diverged checkpoint."
            )
        delta = self._inputs.thinned_vector(model, key).to(torch.float64)
        delta = delta if inputs_are_rows(key) else delta.T
        with one_thread():
            gram = shrunk(found.to(delta.device, torch.float64), self._options.shrink)
            terms = [gram, gram @ delta, delta / self._models]
        sums[key] = [old + new for old, new in zip(sums[key], terms, strict=True)] if key in sums else terms

    def _solution(self, key: str, moments: Tensor, products: Tensor, average: Tensor) -> Tensor | None:
        with one_thread():
            found = solve(moments, products, average, self._options.ridge)
        if found is None:
            _LOG.warning("nothing is known of the inputs of %s, or too little: it is averaged.", key)
            return None
        precision = self._inputs.precision([key])
        return (found if inputs_are_rows(key) else found.T).to(precision).contiguous().cpu()


def _arrays(tensors: Mapping[str, Tensor]) -> dict:
    return {key: tensor.numpy() for key, tensor in tensors.items()}
