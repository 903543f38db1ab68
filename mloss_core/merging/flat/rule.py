"""The flat family as one function: guide x sparsifier x consensus x scale, one tensor at a time."""

import dataclasses
import functools
import hashlib
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mloss_core.caching import digest_of
from mloss_core.merging.flat.options import FlatOptions
from mloss_core.merging.flat.plan import FlatPlan
from mloss_core.merging.flat.small_tensors import SmallTensors
from mloss_core.merging.flat.stacked_trims import CutTrim, CutTrims, RowTrim, StackTrim, stacked_cuts
from mloss_core.merging.flat.stacks import ModelStack, UnfitError, stackable
from mloss_core.merging.inputs import CountedVectors, MergedTensor, MergeInputs, MergeRule
from mloss_core.merging.sparsifiers.order_statistics import GlobalCut, global_cut
from mloss_core.merging.sparsifiers.row_guides import ScoredRows, scored_rows
from mloss_core.merging.sparsifiers.sparsify import drop, kept_count, trim_by
from mloss_core.merging.sparsifiers.steps import Drop, Outliers, Trim
from mloss_core.merging.tensors.consensus import CONSENSUS, Consensus
from mloss_core.state_dicts import is_merged_tensor, tensor_shape
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
        at_once=True,
        identity=None if inputs.pre else merge.identity,
    )


Step = Trim | Drop | Outliers | ScoredRows


def _keeps_all(step: Step) -> bool:
    return isinstance(step, Trim | Drop) and step.keep_rate == 1


class SparseVectors:
    """The task vectors of a merge after the sparsifiers of a plan, and what they merge into, a tensor at a time.

    Trims on the CPU work on all models at once, in bands; everything else on one model after the other.
    """

    def __init__(self, inputs: MergeInputs, plan: FlatPlan) -> None:
        self.inputs, self.plan = inputs, plan
        guide = plan.guide
        self._rows = {} if guide is None else scored_rows(inputs.pretrained, inputs.scores, guide, inputs.seed)
        self._cuts: dict[tuple[int, int], GlobalCut] = {}

    def tensor(self, key: str) -> MergedTensor:
        """The merged update of one tensor."""
        consensus = CONSENSUS[self.plan.consensus]
        together = self._small.take(key)
        if together is not None:
            return together
        try:
            return self._banded(key, consensus)
        except UnfitError:
            vectors = CountedVectors(self.inputs, key, self.vector)
            return MergedTensor.of(consensus(vectors), vectors)

    @functools.cached_property
    def _small(self) -> SmallTensors:
        keys = [key for key in self.inputs.moving if key not in self._rows] if stackable(self.inputs) else []
        return SmallTensors(self.inputs, keys, self._small_trim, CONSENSUS[self.plan.consensus])

    def _small_trim(self, keys: Sequence[str]) -> StackTrim | None:
        """What trims small tensors of one shape; None where nothing does.

        Raises:
            UnfitError: each must be trimmed on its own.
        """
        trim = self._only_step(keys[0])
        if trim is None:
            return None
        position, step = trim
        if isinstance(step, ScoredRows):
            raise UnfitError
        if step.scope == "global":
            return CutTrims([self._cuts[position, model] for model in self.inputs.models], keys)
        if step.scope == "row" and len(tensor_shape(self.inputs.pretrained, keys[0])) > 1:
            raise UnfitError
        return RowTrim(torch.full((len(keys),), step.keep_rate, dtype=torch.float64))

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
        for position, step in enumerate(self._steps()):
            if not isinstance(step, Trim) or step.scope != "global" or step.keep_rate == 1:
                continue
            free = [key for key in self.inputs.moving if key not in self._rows]
            sizes = {key: math.prod(tensor_shape(self.inputs.pretrained, key)) for key in free}
            count = min(kept_count(step.keep_rate, self._counted(list(sizes), step.domain)), sum(sizes.values()))
            cuts = self._stacked_cuts(sizes, count, progress) if position == 0 else None
            for model in self.inputs.models:
                if cuts is None:
                    progress(model / len(self.inputs.models), f"trimming {self.inputs.names[model]}")
                cut = self._cut(position, model, list(sizes), count) if cuts is None else cuts[model]
                self._cuts[position, model] = cut

    def _stacked_cuts(self, sizes: Mapping[str, int], count: int, progress: Progress) -> list[GlobalCut] | None:
        """The cuts of all models in one pass over their tensors, or None where one model must come after the other."""
        inputs = self.inputs
        tell = functools.partial(progress, message="finding what is trimmed")
        try:
            stack = functools.partial(ModelStack, inputs)
            return stacked_cuts(stack, sizes, len(inputs.models), count, inputs.threads, tell)
        except UnfitError:
            return None

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

    def _banded(self, key: str, consensus: Consensus) -> MergedTensor:
        """The merged update of one tensor, from all models at once and a band of rows after the other.

        Raises:
            UnfitError: it must come from one model after the other.
        """
        stack = ModelStack(self.inputs, key)
        trim, kept = self._stack_trim(key, stack), 0
        update = torch.empty((stack.rows, stack.width), dtype=torch.float32)
        for rows, band in stack.bands():
            trimmed = band if trim is None else trim(rows, band)
            kept += int(np.count_nonzero(trimmed != 0))
            update[rows] = consensus(torch.from_numpy(trimmed))
        return MergedTensor(update.view(stack.shape), kept / max(stack.size * stack.models, 1))

    def _stack_trim(self, key: str, stack: ModelStack) -> StackTrim | None:
        """What trims a band of a tensor; None where nothing does."""
        trim = self._only_step(key)
        if trim is None:
            return None
        position, step = trim
        if isinstance(step, ScoredRows):
            return RowTrim(step.keep_rates)
        if step.scope == "row" and len(stack.shape) > 1:
            return RowTrim(torch.full((stack.rows,), step.keep_rate, dtype=torch.float64))
        if step.scope == "global":
            return CutTrim([self._cuts[position, model] for model in self.inputs.models], key)
        count = kept_count(step.keep_rate, stack.size)
        return CutTrim(stacked_cuts(lambda key: stack, {key: stack.size}, stack.models, count), key)

    def _only_step(self, key: str) -> "tuple[int, Trim | ScoredRows] | None":
        """The one step that drops anything of a tensor, and its place; None where nothing does.

        Raises:
            UnfitError: several do, or one by chance.
        """
        steps = {place: step for place, step in enumerate(self._steps(key)) if not _keeps_all(step)}
        if not steps:
            return None
        (position, step), *others = steps.items()
        if others or not isinstance(step, Trim | ScoredRows):
            raise UnfitError
        if isinstance(step, ScoredRows) and step.rule == "bernoulli":
            raise UnfitError
        return position, step

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
