"""The flat family as one function: guide x sparsifier x consensus x scale, one tensor at a time."""

import dataclasses
import hashlib
import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from mloss_core.caching import digest_of
from mloss_core.merging.flat.options import FlatOptions
from mloss_core.merging.flat.plan import FlatPlan
from mloss_core.merging.inputs import CountedVectors, MergedTensor, MergeInputs, MergeRule
from mloss_core.merging.sparsifiers.order_statistics import GlobalCut, global_cut, held_cut
from mloss_core.merging.sparsifiers.row_guides import ScoredRows, scored_rows
from mloss_core.merging.sparsifiers.sparsify import drop, kept_count, masked, trim_by, trim_rows
from mloss_core.merging.sparsifiers.steps import Drop, Outliers, Trim
from mloss_core.merging.tensors.consensus import CONSENSUS
from mloss_core.state_dicts import is_merged_tensor
from mloss_core.types import Progress, silent


def flat(inputs: MergeInputs, options: FlatOptions, progress: Progress = silent) -> MergeRule:
    """Make a flat merge ready: row-wise keep rates from the guide's scores, and the cuts of global trims.

    Raises:
        InvalidOptionError: scores that do not fit their weights.
        CheckpointError: weights that are not finite.
    """
    return flat_rule(inputs, options.plan(), progress)


def flat_rule(inputs: MergeInputs, plan: FlatPlan, progress: Progress = silent) -> MergeRule:
    """`flat` for a plan that no row of the registry stands for."""
    merge = SparseVectors(inputs, plan)
    merge.find_cuts(progress)
    return MergeRule(
        tensor=merge.tensor,
        scale=plan.scale,
        exact=inputs.alone(plan.keeps_everything),
        identity=None if inputs.pre else merge.identity,
    )


HELD = 1 << 23
"""Entries of all models together up to which their magnitudes are held to find the global cuts."""
Step = Trim | Drop | Outliers | ScoredRows


class SparseVectors:
    """The task vectors of a merge after the sparsifiers of a plan, one tensor of one model at a time."""

    def __init__(self, inputs: MergeInputs, plan: FlatPlan) -> None:
        self.inputs, self.plan = inputs, plan
        guide = plan.guide
        self._rows = {} if guide is None else scored_rows(inputs.pretrained, inputs.scores, guide, inputs.seed)
        self._cuts: dict[tuple[int, int], GlobalCut] = {}

    def tensor(self, key: str) -> MergedTensor:
        """The merged update of one tensor."""
        consensus, stack = CONSENSUS[self.plan.consensus], self._stack(key)
        if stack is not None:
            return MergedTensor.of_stack(consensus(stack), stack)
        vectors = CountedVectors(self.inputs, key, self.vector)
        return MergedTensor.of(consensus(vectors), vectors)

    def identity(self, key: str) -> str:
        """Digest of all that the tensor's update depends on beside the models, where nothing goes before the plan."""
        return digest_of(self.plan.consensus, self.inputs.seed, [self._facts(step) for step in self._steps(key)])

    def _facts(self, step: Step) -> list[Any]:
        if isinstance(step, ScoredRows):
            return [step.rule, hashlib.sha256(step.keep_rates.numpy().tobytes()).hexdigest()]
        # A global trim counts all tensors but those that the guide takes.
        others = sorted(self._rows) if isinstance(step, Trim) and step.scope == "global" else []
        return [type(step).__name__, dataclasses.asdict(step), others]

    def find_cuts(self, progress: Progress = silent) -> None:
        """The threshold of each model for each global trim of the plan."""
        models = len(self.inputs.finetuned)
        for position, step in enumerate(self._steps()):
            if not isinstance(step, Trim) or step.scope != "global" or step.keep_rate == 1:
                continue
            keys = [key for key in self.inputs.moving if key not in self._rows]
            count = kept_count(step.keep_rate, self._counted(keys, step.domain))
            moving = sum(self.inputs.pretrained[key].numel() for key in keys)
            held = self._magnitudes(keys, moving) if position == 0 else None
            sizes = {key: self.inputs.pretrained[key].numel() for key in keys}
            for model in range(models):
                progress(model / models, f"trimming {self.inputs.names[model]}")
                self._cuts[position, model] = (
                    self._cut(position, model, keys, min(count, moving))
                    if held is None
                    else held_cut(held[model], sizes, min(count, moving))
                )

    def _magnitudes(self, keys: list[str], entries: int) -> Tensor | None:
        """Magnitudes of the untouched task vectors, (model, entry), or None where they are too many to be held."""
        if entries * len(self.inputs.finetuned) > HELD:
            return None
        held, start = torch.empty(len(self.inputs.finetuned), entries), 0
        for key in keys:
            stack = self.inputs.stacked_vectors(key)
            if stack is None:
                return None
            rows = stack.reshape(len(held), -1)
            torch.abs(rows, out=held[:, start : start + rows.shape[1]])
            start += rows.shape[1]
        return held

    def _counted(self, keys: list[str], domain: str) -> int:
        pretrained = self.inputs.pretrained
        if domain == "all":
            keys = [key for key in pretrained if key not in self._rows and is_merged_tensor(pretrained[key])]
        return sum(pretrained[key].numel() for key in keys)

    def _cut(self, position: int, model: int, keys: list[str], count: int) -> GlobalCut:
        def chunks() -> Iterator[tuple[str, Tensor]]:
            for key in keys:
                yield key, self.vector(model, key, until=position)

        return global_cut(chunks, count, self.inputs.dtype(model, keys))

    def _steps(self, key: str | None = None) -> tuple[Step, ...]:
        own = (self._rows[key],) if key in self._rows else self.plan.steps
        return (*self.plan.first, *own)

    def _stack(self, key: str) -> Tensor | None:
        """All models' vectors of a small tensor after their sparsifiers, or None where they come one at a time."""
        steps = [step for step in self._steps(key) if isinstance(step, Trim | ScoredRows)]
        drawn = any(isinstance(step, ScoredRows) and step.rule == "bernoulli" for step in steps)
        if drawn or len(steps) < len(self._steps(key)):
            return None
        stack = self.inputs.stacked_vectors(key)
        for position, step in enumerate(steps):
            if stack is not None:
                stack = self._trim_stack(step, position, key, stack)
        return stack

    def _trim_stack(self, step: Trim | ScoredRows, position: int, key: str, stack: Tensor) -> Tensor | None:
        models = len(stack)
        if isinstance(step, ScoredRows):
            return trim_rows(stack.flatten(0, 1), step.keep_rates.repeat(models)).view_as(stack)
        if step.keep_rate == 1:
            return stack
        if step.scope == "global":
            return self._cut_stack([self._cuts[position, model] for model in range(models)], key, stack)
        rows = stack.flatten(0, 1) if step.scope == "row" and stack.ndim > 2 else stack.reshape(models, -1)
        return trim_rows(rows, torch.full((len(rows),), step.keep_rate, dtype=torch.float64)).view_as(stack)

    def _cut_stack(self, cuts: list[GlobalCut], key: str, stack: Tensor) -> Tensor | None:
        if any(cut.dtype != stack.dtype or key == cut.partial for cut in cuts):
            return None
        # Above the number just below it lies what equals a threshold too.
        thresholds = torch.tensor([cut.threshold for cut in cuts])
        below = torch.nextafter(thresholds, torch.tensor(-math.inf))
        inclusive = torch.tensor([cut.keeps_equal(key) for cut in cuts])
        limits = torch.where(inclusive, below, thresholds).reshape(-1, *[1] * (stack.ndim - 1))
        return masked(stack, stack.abs() > limits)

    def vector(self, model: int, key: str, until: int | None = None) -> Tensor:
        """One model's task vector after the pre-processors and its sparsifiers, or after the first `until` of these."""
        vector = self.inputs.thinned_vector(model, key)
        for position, step in enumerate(self._steps(key)[:until]):
            vector = self._apply(step, position, model, key, vector)
        return vector

    def _apply(self, step: Step, position: int, model: int, key: str, vector: Tensor) -> Tensor:
        if isinstance(step, Drop):
            return drop(vector, step.keep_rate, self._generator(position, model, key))
        if isinstance(step, ScoredRows):
            return step.apply(vector, lambda: self._generator(position, model, key))
        if isinstance(step, Outliers):
            return vector - trim_by(step.scope, vector, step.rate)
        if step.keep_rate == 1:
            return vector
        if step.scope == "global":
            return self._cuts[position, model].trim(key, vector)
        return trim_by(step.scope, vector, step.keep_rate)

    def _generator(self, position: int, model: int, key: str) -> torch.Generator:
        return self.inputs.generator(model, key, len(self.inputs.pre) + position)
