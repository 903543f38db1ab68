"""One shared update and a mask of it for every task: TALL masks, magnitude masks, EMR."""

import functools
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from mloss_core.merging.flat.plan import FlatPlan
from mloss_core.merging.flat.rule import SparseVectors, flat_rule
from mloss_core.merging.inputs import MergedTensor, MergeInputs, MergeRule, PerTaskRule
from mloss_core.merging.selection.agreement import thresholds_of, wanted
from mloss_core.merging.selection.options import EmrOptions, MagnitudeMaskOptions, TallMaskOptions
from mloss_core.merging.sparsifiers.steps import Trim
from mloss_core.types import Progress, part, silent

Choose = Callable[[Tensor, Tensor], Tensor]
"""From one model's task vector and the shared update, where the model takes the update."""


def tall_mask(inputs: MergeInputs, options: TallMaskOptions, progress: Progress = silent) -> PerTaskRule:
    """Make TALL masks ready: every task takes the shared update wherever it wants it (`masks.wanted`)."""
    thresholds = thresholds_of(inputs, options)
    family = _Family(inputs, options.unified(), FlatPlan(), progress)
    return family.rules([functools.partial(wanted, threshold=threshold) for threshold in thresholds])


def magnitude_mask(inputs: MergeInputs, options: MagnitudeMaskOptions, progress: Progress = silent) -> PerTaskRule:
    """Make magnitude masks ready: each task takes the summed update at its own largest changes."""
    trimmed = FlatPlan(steps=(Trim(options.keep_rate, "global"),))
    family = _Family(inputs, FlatPlan(consensus="sum"), trimmed, progress)
    return family.rules([lambda vector, shared: vector != 0] * len(inputs.finetuned))


def emr(inputs: MergeInputs, options: EmrOptions, progress: Progress = silent) -> PerTaskRule:
    """Make EMR ready: every task takes the elected update where its own change agrees in sign, rescaled to its size."""
    family = _Family(inputs, FlatPlan(consensus="elect_largest"), FlatPlan(), silent)
    return family.rules([_agrees] * len(inputs.finetuned), family.rescalers(_agrees, progress))


def _agrees(vector: Tensor, shared: Tensor) -> Tensor:
    return vector.sign() * shared.sign() > 0


class _Family:
    """The shared update and the models' task vectors, both thinned by plans."""

    def __init__(self, inputs: MergeInputs, shared: FlatPlan, own: FlatPlan, progress: Progress) -> None:
        self._inputs, self._vectors = inputs, SparseVectors(inputs, own)
        self._vectors.find_cuts(part(progress, 0.0, 0.5))
        self._shared = flat_rule(inputs, shared, part(progress, 0.5, 1.0))
        self._last: tuple[str, Tensor] | None = None

    def rules(self, choices: Sequence[Choose], scales: Sequence[float] | None = None) -> PerTaskRule:
        """A rule for each model."""
        factors = scales or [1.0] * len(choices)
        rules = [self._rule(model, *own) for model, own in enumerate(zip(choices, factors, strict=True))]
        masks = [functools.partial(self._mask, model, choose) for model, choose in enumerate(choices)]
        return PerTaskRule(tuple(rules), tuple(masks))

    def rescalers(self, choose: Choose, progress: Progress = silent) -> list[float]:
        """For each model the sum of its magnitudes over that of what it takes, over all tensors; 0 for nothing."""
        models, keys = range(len(self._inputs.finetuned)), self._inputs.moving
        own, taken = [0.0 for _ in models], [0.0 for _ in models]
        for position, key in enumerate(keys):
            progress(position / len(keys), f"measuring {key}")
            shared = self._shared_update(key)
            for model in models:
                vector = self._vectors.vector(model, key)
                own[model] += float(vector.abs().sum(dtype=torch.float64))
                taken[model] += float(shared[choose(vector, shared)].abs().sum(dtype=torch.float64))
        return [size / share if share else 0.0 for size, share in zip(own, taken, strict=True)]

    def _rule(self, model: int, choose: Choose, scale: float) -> MergeRule:
        def tensor(key: str) -> MergedTensor:
            shared, mask = self._shared_update(key), self._mask(model, choose, key)
            return MergedTensor.selected(shared, mask)

        exact = self._shared.exact if self._vectors.plan.keeps_everything else None
        return MergeRule(tensor=tensor, scale=scale, exact=exact)

    def _mask(self, model: int, choose: Choose, key: str) -> Tensor:
        return choose(self._vectors.vector(model, key), self._shared_update(key))

    def _shared_update(self, key: str) -> Tensor:
        """The last one is remembered, as the models of one tensor come one after the other."""
        last = self._last
        if last is None or last[0] != key:
            last = self._last = (key, self._shared.tensor(key).update.to(self._inputs.device))
        return last[1]
