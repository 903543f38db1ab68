"""Leaving out a whole category of metrics: what a fit loses without it."""

import dataclasses
import math

import numpy as np

from mloss_core.mergeability.predictor.columns import by_category
from mloss_core.mergeability.predictor.problem import Problem
from mloss_core.mergeability.predictor.results import CrossValidation
from mloss_core.mergeability.predictor.validation import validate


@dataclasses.dataclass(frozen=True)
class Ablation:
    """A fit without all metrics of one category.

    Args:
        category: what was left out; metrics: its members.
        headline: of the fit without it; NaN where nothing is left to fit on.
        change: headline minus that of the full fit: negative where the category helped.
        standard_error: of the change, from the paired differences of folds; NaN where folds have no r.
    """

    category: str
    metrics: tuple[str, ...]
    headline: float
    change: float
    standard_error: float


def ablations(result: CrossValidation, seed: int = 0, splits: int = 20) -> list[Ablation]:
    """Each category left out completely, everything else as in `result` (give its seed and splits)."""
    found = []
    for name, members in by_category(result.metrics).items():
        rest = [metric for metric in result.metrics if metric not in members]
        if not rest:
            found.append(Ablation(name, members, math.nan, math.nan, math.nan))
            continue
        without = _again(result, result.problem.with_metrics(rest), seed, splits)
        change, error = paired_change(without, result)
        found.append(Ablation(name, members, without.headline, change, error))
    return found


def _again(result: CrossValidation, problem: Problem, seed: int, splits: int) -> CrossValidation:
    alpha = None if result.solver.alpha is None else result.alpha
    return validate(
        problem, result.protocol.name, result.solver.name, alpha=alpha, seed=seed, splits=splits, beside=False
    )


def paired_change(one: CrossValidation, other: CrossValidation) -> tuple[float, float]:
    """Difference of two headlines, and the standard error of the paired differences of their folds."""
    if one.protocol.pools:
        return one.headline - other.headline, math.nan
    differences = np.array([a.pearson - b.pearson for a, b in zip(one.scores.folds, other.scores.folds, strict=True)])
    known = differences[np.isfinite(differences)]
    error = float(known.std() / math.sqrt(len(known) - 1)) if len(known) > 1 else math.nan
    return one.headline - other.headline, error
