"""Row-wise keep rates from M-Loss, resolved to one rate for every row of the weights whose nodes were scored."""

import dataclasses
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from mloss_core.errors import InvalidOptionError
from mloss_core.merging.sparsifiers.keep_rates import keep_rates
from mloss_core.merging.sparsifiers.sparsify import drop, kept_counts, trim_rows
from mloss_core.merging.sparsifiers.steps import RowGuide
from mloss_core.state_dicts import is_merged_tensor
from mloss_core.types import StateDict


@dataclasses.dataclass(frozen=True)
class ScoredRows:
    """Row-wise sparsifying of one scored weight.

    Args:
        keep_rates: float64 (rows,).
        rule: `magnitude` or `bernoulli`, see `RowGuide`.
    """

    keep_rates: Tensor
    rule: str

    def apply(self, vector: Tensor, generator: Callable[[], torch.Generator]) -> Tensor:
        """The vector with each row thinned; the generator is asked for where the rule is random."""
        if self.rule == "bernoulli":
            return drop(vector, self.keep_rates, generator())
        return trim_rows(vector, self.keep_rates)


def scored_rows(
    pretrained: StateDict, scores: Mapping[str, Tensor], guide: RowGuide, seed: int
) -> dict[str, ScoredRows]:
    """What a guide does to each scored weight, by key.

    Raises:
        InvalidOptionError: scores that do not fit their weights.
    """
    rows = {}
    for key, values in scores.items():
        check_scores(pretrained, key, values)
        levelled = guide.ranking == "uniform" and guide.rule != "bernoulli"
        ranking = "rank" if levelled else guide.ranking
        rates = keep_rates(values, guide.keep_rate, guide.span, ranking, guide.schedule, seed=seed, key=key)
        size = pretrained[key][0].numel()
        rows[key] = ScoredRows(level(rates, size) if levelled else rates, guide.rule)
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


def check_scores(pretrained: StateDict, key: str, scores: Tensor) -> None:
    """Check that the scores of a weight are one number for each of its rows.

    Raises:
        InvalidOptionError: no such weight, a weight without rows, or scores of another shape.
    """
    if key not in pretrained:
        raise InvalidOptionError(f"M-Loss was given for {key!r}, which the models lack; name a weight of theirs.")
    weight = pretrained[key]
    if weight.ndim < 2 or not is_merged_tensor(weight):
        raise InvalidOptionError(
            f"M-Loss prunes the rows of a matrix of floats; {key} is {weight.dtype} of shape {tuple(weight.shape)}."
        )
    if tuple(scores.shape) != (weight.shape[0],):
        raise InvalidOptionError(
            f"M-Loss of {key} must be one number for each of its {weight.shape[0]} rows; "
            f"found shape {tuple(scores.shape)}."
        )
