"""Parameter competition balancing (PCB): a mean weighted by each change's size in its model and agreement with all."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from mloss_core.merging.flat.plan import FlatPlan
from mloss_core.merging.flat.rule import SparseVectors
from mloss_core.merging.inputs import MergedTensor, MergeInputs, MergeRule
from mloss_core.merging.selection.options import PcbOptions
from mloss_core.merging.sparsifiers.order_statistics import Columns, ranked_values
from mloss_core.merging.sparsifiers.sparsify import kept_count
from mloss_core.merging.tensors.consensus import total
from mloss_core.types import Progress, silent


def pcb(inputs: MergeInputs, options: PcbOptions, progress: Progress = silent) -> MergeRule:
    """Make a PCB merge ready: the bounds of each model's magnitudes and scores, over its whole task vector."""
    merge = _Pcb(inputs, options)
    if inputs.moving:
        merge.find_bounds(progress)
    return MergeRule(tensor=merge.tensor, scale=options.scale)


class _Pcb:
    """a = |tau| cut to [low, high]; score = exp(T minmax(a)^2) tanh(tau sum tau); weight = minmax of the top scores."""

    def __init__(self, inputs: MergeInputs, options: PcbOptions) -> None:
        self.inputs, self.options = inputs, options
        self._sparse, self._models = SparseVectors(inputs, FlatPlan()), range(len(inputs.finetuned))
        self._magnitudes: list[tuple[float, float]] = []
        self._scores: list[tuple[float, float]] = []

    def find_bounds(self, progress: Progress = silent) -> None:
        """Read all task vectors a few times for their order statistics."""
        keys, models = self.inputs.moving, len(self._models)
        size = sum(self.inputs.pretrained[key].numel() for key in keys)
        dtype = self.inputs.precision(keys)
        cut = kept_count(self.options.clamped, size)
        progress(0.0, "ranking magnitudes")
        bounds = ranked_values(self._each_twice(_magnitudes), [size - cut] * models + [cut + 1] * models, dtype)
        self._magnitudes = list(zip(bounds[:models], bounds[models:], strict=True))
        kept = kept_count(self.options.keep_rate, size)
        progress(0.5, "ranking scores")
        ranks = [min(kept + 1, size)] * models + [1] * models
        bounds = ranked_values(self._each_twice(self._score), ranks, dtype)
        self._scores = list(zip(bounds[:models], bounds[models:], strict=True))

    def tensor(self, key: str) -> MergedTensor:
        """The merged update of one tensor."""
        vectors = self._vectors(key)
        merged, mass, kept = torch.zeros_like(vectors[0]), torch.zeros_like(vectors[0]), 0
        for vector, score, (low, high), (least, most) in zip(
            vectors, self._score(vectors), self._magnitudes, self._scores, strict=True
        ):
            weight = ((score - least) / (most - least)).clamp(min=0) if most > least else torch.zeros_like(score)
            merged += weight * vector.sign() * vector.abs().clamp(low, high)
            mass += weight
            kept += int(torch.count_nonzero(weight))
        update = torch.where(mass > 0, merged / mass, 0.0)
        return MergedTensor(update.cpu(), kept / max(update.numel() * len(vectors), 1))

    def _vectors(self, key: str) -> list[Tensor]:
        return [self._sparse.vector(model, key) for model in self._models]

    def _score(self, vectors: list[Tensor]) -> list[Tensor]:
        """Scores over e^T, which leaves every weight as it is and never overflows."""
        summed, scores = total(vectors), []
        for vector, (low, high) in zip(vectors, self._magnitudes, strict=True):
            size = (vector.abs().clamp(low, high) - low) / (high - low) if high > low else torch.zeros_like(vector)
            scores.append(torch.exp(len(vectors) * (size.square() - 1)) * torch.tanh(vector * summed))
        return scores

    def _each_twice(self, numbers: Callable[[list[Tensor]], list[Tensor]]) -> Columns:
        """The parts of `ranked_values`: every model's numbers, for its lower and for its upper bound."""

        def columns() -> Iterator[list[Tensor]]:
            for key in self.inputs.moving:
                found = numbers(self._vectors(key))
                yield [*found, *found]

        return columns


def _magnitudes(vectors: list[Tensor]) -> list[Tensor]:
    return [vector.abs() for vector in vectors]
