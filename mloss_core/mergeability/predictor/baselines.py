"""What every prediction is held against: rules that know no metric, or only one."""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from mloss_core.mergeability.predictor.effects import additive_prediction
from mloss_core.mergeability.predictor.problem import Problem
from mloss_core.mergeability.predictor.protocols import Fold, Protocol
from mloss_core.mergeability.predictor.scaling import medians
from mloss_core.mergeability.predictor.scores import column_pearson


@dataclasses.dataclass(frozen=True)
class Baseline:
    """A rule that a predictor has to beat.

    Args:
        name: its key in `BASELINES`; title: for people.
        summary: one sentence: what it knows.
        unavailable: why it does not exist for a problem under a protocol, or None.
        predict: problem, fold, target of the training rows -> predictions of the validation rows.
        optional: few tables have it, so nobody is told when it is not there.
    """

    name: str
    title: str
    summary: str
    unavailable: Callable[[Problem, Protocol], str | None]
    predict: Callable[[Problem, Fold, np.ndarray], np.ndarray]
    optional: bool = False


def _line(known: np.ndarray, target: np.ndarray, asked: np.ndarray) -> np.ndarray:
    """Least-squares line through the training rows, at other rows."""
    spread = known - known.mean()
    bottom = float(spread @ spread)
    slope = float(spread @ target) / bottom if bottom > 0 else 0.0
    return target.mean() + slope * (asked - known.mean())


def _sum(problem: Problem, fold: Fold, target: np.ndarray) -> np.ndarray:
    assert problem.individual is not None
    total = problem.individual[0] + problem.individual[1]
    # A slope of its own would let the fit turn the rule round from fold to fold; the rule is: good models, good pair.
    known = total[fold.train]
    slope = float(target.std() / known.std()) if known.std() > 0 else 0.0
    return target.mean() + slope * (total[fold.validate] - known.mean())


def _effects(problem: Problem, fold: Fold, target: np.ndarray) -> np.ndarray:
    return additive_prediction(problem.rows, fold.train, fold.validate, target)


def best_metric(values: np.ndarray, target: np.ndarray) -> int | None:
    """Place of the column with the largest |r|, the first of equals; None when no column has an r."""
    strength = np.abs(column_pearson(values, target))
    return None if np.isnan(strength).all() else int(np.nanargmax(strength))


def _single(problem: Problem, fold: Fold, target: np.ndarray) -> np.ndarray:
    values = np.where(np.isnan(problem.values), medians(problem.values[fold.train]), problem.values)
    place = best_metric(values[fold.train], target)
    if place is None:
        return np.full(len(fold.validate), target.mean())
    return _line(values[fold.train, place], target, values[fold.validate, place])


def _mloss(problem: Problem, fold: Fold, target: np.ndarray) -> np.ndarray:
    assert problem.mloss is not None
    return _line(problem.mloss[fold.train], target, problem.mloss[fold.validate])


def _agreement(problem: Problem, fold: Fold, target: np.ndarray) -> np.ndarray:
    assert problem.agreement is not None
    return _line(problem.agreement[fold.train], target, problem.agreement[fold.validate])


def _no_sum(problem: Problem, protocol: Protocol) -> str | None:
    if problem.individual is None:
        return "the table does not hold the accuracy of each task's own model (columns individual_a, individual_b)"
    total = problem.individual[0] + problem.individual[1]
    return "all sums are the same" if np.ptp(total) == 0 else None


def _no_effects(problem: Problem, protocol: Protocol) -> str | None:
    if problem.target.kind == "residual":
        return "they are taken out of this target"
    return None if protocol.partners else "unavailable for unseen tasks"


def _no_single(problem: Problem, protocol: Protocol) -> str | None:
    return None


def _no_mloss(problem: Problem, protocol: Protocol) -> str | None:
    return "the table has no column of M-Loss" if problem.mloss is None else None


def _no_agreement(problem: Problem, protocol: Protocol) -> str | None:
    return "the table has no agreement of averaged pairs" if problem.agreement is None else None


BASELINES: Mapping[str, Baseline] = MappingProxyType(
    {
        baseline.name: baseline
        for baseline in (
            Baseline(
                "sum_of_individual_accuracies",
                "Sum of individual accuracies",
                "Adds the accuracies of the two tasks' own models; knows nothing of the pair.",
                _no_sum,
                _sum,
            ),
            Baseline(
                "additive_task_effects",
                "Additive task effects",
                "What each task contributes to any pair, fitted on training pairs; needs merges of the partner.",
                _no_effects,
                _effects,
            ),
            Baseline(
                "best_single_metric",
                "Best single metric",
                "The metric with the largest |r| on the training pairs, and its line.",
                _no_single,
                _single,
            ),
            Baseline("mloss_alone", "M-Loss alone", "A line through M-Loss of the training pairs.", _no_mloss, _mloss),
            Baseline(
                "merged_agreement_alone",
                "Agreement after merging",
                "No rival but a ceiling: a line through how far the averaged pair agrees with its experts, without "
                "labels, once it is merged.",
                _no_agreement,
                _agreement,
                optional=True,
            ),
        )
    }
)
"""Baselines by name, in the order in which they are shown."""
