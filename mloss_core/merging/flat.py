"""The flat family as one function: guide x sparsifier x consensus x scale, one tensor at a time."""

import dataclasses
from collections.abc import Iterator

import torch
from torch import Tensor

from mloss_core.errors import InvalidOptionError
from mloss_core.merging.consensus import CONSENSUS
from mloss_core.merging.flat_options import FlatOptions
from mloss_core.merging.inputs import MergedTensor, MergeInputs, MergeRule
from mloss_core.merging.keep_rates import keep_rates
from mloss_core.merging.plan import Drop, FlatPlan, Outliers, RowGuide, Trim
from mloss_core.merging.sparsify import count_rows, drop, kept_count, kept_counts, trim_by, trim_rows
from mloss_core.merging.thresholds import GlobalCut, global_cut
from mloss_core.state_dicts import is_merged_tensor, tensor_digest
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
    alone = len(inputs.finetuned) == 1 and plan.keeps_everything and not inputs.pre
    return MergeRule(tensor=merge.tensor, scale=plan.scale, exact=inputs.finetuned[0] if alone else None)


@dataclasses.dataclass(frozen=True)
class _Rows:
    """Row-wise sparsifying of one scored weight."""

    keep_rates: Tensor
    rule: str


Step = Trim | Drop | Outliers | _Rows


class SparseVectors:
    """The task vectors of a merge after the sparsifiers of a plan, one tensor of one model at a time."""

    def __init__(self, inputs: MergeInputs, plan: FlatPlan) -> None:
        self.inputs, self.plan = inputs, plan
        self._rows = {} if plan.guide is None else _scored_rows(inputs, plan.guide)
        self._cuts: dict[tuple[int, int], GlobalCut] = {}
        self._digests: dict[tuple[int, str], str] = {}

    def tensor(self, key: str) -> MergedTensor:
        """The merged update of one tensor."""
        kept = 0

        def vectors() -> Iterator[Tensor]:
            nonlocal kept
            for model in range(len(self.inputs.finetuned)):
                vector = self.vector(model, key)
                kept += int(count_rows((vector != 0).reshape(1, -1)))
                yield vector

        update = CONSENSUS[self.plan.consensus](vectors())
        return MergedTensor(update.cpu(), kept / max(update.numel() * len(self.inputs.finetuned), 1))

    def find_cuts(self, progress: Progress = silent) -> None:
        """The threshold of each model for each global trim of the plan."""
        models = len(self.inputs.finetuned)
        for position, step in enumerate(self._steps()):
            if not isinstance(step, Trim) or step.scope != "global" or step.keep_rate == 1:
                continue
            keys = [key for key in self.inputs.moving if key not in self._rows]
            count = kept_count(step.keep_rate, self._counted(keys, step.domain))
            moving = sum(self.inputs.pretrained[key].numel() for key in keys)
            for model in range(models):
                progress(model / models, f"trimming {self.inputs.names[model]}")
                self._cuts[position, model] = self._cut(position, model, keys, min(count, moving))

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
        return (*self.inputs.pre, *self.plan.first, *own)

    def vector(self, model: int, key: str, until: int | None = None) -> Tensor:
        """One model's task vector after its sparsifiers, or after the first `until` of them."""
        vector = self.inputs.task_vector(model, key)
        for position, step in enumerate(self._steps(key)[:until]):
            vector = self._apply(step, position, model, key, vector)
        return vector

    def _apply(self, step: Step, position: int, model: int, key: str, vector: Tensor) -> Tensor:
        if isinstance(step, Drop):
            return drop(vector, step.keep_rate, self._generator(position, model, key))
        if isinstance(step, _Rows):
            if step.rule == "bernoulli":
                return drop(vector, step.keep_rates, self._generator(position, model, key))
            return trim_rows(vector, step.keep_rates)
        if isinstance(step, Outliers):
            return vector - trim_by(step.scope, vector, step.rate)
        if step.keep_rate == 1:
            return vector
        if step.scope == "global":
            return self._cuts[position, model].trim(key, vector)
        return trim_by(step.scope, vector, step.keep_rate)

    def _generator(self, position: int, model: int, key: str) -> torch.Generator:
        if (model, key) not in self._digests:
            self._digests[model, key] = tensor_digest(self.inputs.finetuned[model][key])
        return self.inputs.generator(model, key, position, self._digests[model, key])


def _scored_rows(inputs: MergeInputs, guide: RowGuide) -> dict[str, _Rows]:
    rows = {}
    for key, scores in inputs.scores.items():
        check_scores(inputs, key, scores)
        levelled = guide.ranking == "uniform" and guide.rule != "bernoulli"
        ranking = "rank" if levelled else guide.ranking
        rates = keep_rates(scores, guide.keep_rate, guide.span, ranking, guide.schedule, seed=inputs.seed, key=key)
        size = inputs.pretrained[key][0].numel()
        rows[key] = _Rows(level(rates, size) if levelled else rates, guide.rule)
    return rows


def level(rates: Tensor, size: int) -> Tensor:
    """Rates that keep as many entries of all rows together as `rates` do, in every row alike up to one entry.

    The mean rate would not do: each row keeps a whole number of entries, and what is cut off differs.

    Args:
        rates: float64 (rows,).
        size: entries of a row.
    """
    counts = kept_counts(rates, size)
    base, more = divmod(int(counts.sum()), len(counts))
    return (base + (torch.arange(len(counts)) < more).to(torch.float64)) / size


def check_scores(inputs: MergeInputs, key: str, scores: Tensor) -> None:
    """Check that the scores of a weight are one number for each of its rows.

    Raises:
        InvalidOptionError: no such weight, a weight without rows, or scores of another shape.
    """
    if key not in inputs.pretrained:
        raise InvalidOptionError(f"M-Loss was given for {key!r}, which the models lack; name a weight of theirs.")
    weight = inputs.pretrained[key]
    if weight.ndim < 2 or not is_merged_tensor(weight):
        raise InvalidOptionError(
            f"M-Loss prunes the rows of a matrix of floats; {key} is {weight.dtype} of shape {tuple(weight.shape)}."
        )
    if tuple(scores.shape) != (weight.shape[0],):
        raise InvalidOptionError(
            f"M-Loss of {key} must be one number for each of its {weight.shape[0]} rows; "
            f"found shape {tuple(scores.shape)}."
        )
