"""Every metric alone against the target, with p-values that respect that pairs share tasks."""

import dataclasses
import math

import numpy as np

from mloss_core.mergeability.predictor.effects import seen_effects
from mloss_core.mergeability.predictor.problem import Problem
from mloss_core.mergeability.predictor.protocols import PairRows
from mloss_core.mergeability.predictor.scores import column_pearson, spearman


@dataclasses.dataclass(frozen=True)
class SingleMetric:
    """One metric against the target over all pairs.

    Args:
        metric: its name; n: pairs that have both.
        pearson, spearman: correlations; NaN where there is none.
        p: share of permutations of the tasks with an |r| at least as large; pairs share tasks, so shuffling pairs would
            make small numbers too easily.
        p_family: the same against the largest |r| of all metrics: what remains after looking at all of them.
    """

    metric: str
    n: int
    pearson: float
    spearman: float
    p: float
    p_family: float


def single_metrics(problem: Problem, permutations: int = 2000, seed: int = 0) -> list[SingleMetric]:
    """Every metric alone, the largest |r| first, with p-values that permute tasks and not pairs (Mantel's test).

    A permutation renames the tasks of the metrics and leaves the measured values where they are. Pairs whose renamed
    pair has no value do not count in it.

    Args:
        problem: the residual target is taken with effects fitted on all pairs.
        permutations: number of renamings; p is at least 1 / (permutations + 1).
        seed: of the renamings.
    """
    target = whole_target(problem)
    filled = np.isfinite(problem.values)
    observed = np.array([_masked_r(problem.values[:, j], target) for j in range(len(problem.metrics))])
    shuffled = _permuted(problem, target, permutations, seed)
    bound = np.abs(observed) - 1e-12
    p = (1 + (np.abs(shuffled) >= bound).sum(axis=0)) / (permutations + 1)
    largest = np.nanmax(np.nan_to_num(np.abs(shuffled)), axis=1, keepdims=True)
    family = (1 + (largest >= bound).sum(axis=0)) / (permutations + 1)
    found = [
        SingleMetric(
            metric=name,
            n=int(filled[:, j].sum()),
            pearson=float(observed[j]),
            spearman=spearman(problem.values[filled[:, j], j], target[filled[:, j]]),
            p=math.nan if math.isnan(observed[j]) else float(p[j]),
            p_family=math.nan if math.isnan(observed[j]) else float(family[j]),
        )
        for j, name in enumerate(problem.metrics)
    ]
    return sorted(found, key=lambda one: -abs(one.pearson) if math.isfinite(one.pearson) else 1.0)


def whole_target(problem: Problem) -> np.ndarray:
    """The target of all rows; for the interaction residual with effects of tasks fitted on all of them."""
    values = problem.target.values
    if problem.target.kind != "residual":
        return values
    effects = seen_effects(problem.rows, values)
    return values - effects[problem.rows.first] - effects[problem.rows.second]


def _masked_r(values: np.ndarray, target: np.ndarray) -> float:
    there = np.isfinite(values)
    return float(column_pearson(values[there, None], target[there])[0])


def renamed_rows(rows: PairRows, generator: np.random.Generator) -> np.ndarray:
    """Where each pair finds its values when the tasks are renamed at random: a row, or -1 for a pair without a row."""
    count = len(rows.tasks)
    place = np.full((count, count), -1)
    place[rows.first, rows.second] = place[rows.second, rows.first] = np.arange(len(rows.first))
    order = generator.permutation(count)
    return place[order[rows.first], order[rows.second]]


def _permuted(problem: Problem, target: np.ndarray, permutations: int, seed: int) -> np.ndarray:
    """r of each metric under each renaming, (permutation, metric); NaN becomes 0, which is no correlation."""
    generator = np.random.default_rng(seed)
    found = np.zeros((permutations, len(problem.metrics)))
    whole = bool(np.isfinite(problem.values).all())
    for turn in range(permutations):
        source = renamed_rows(problem.rows, generator)
        there = source >= 0
        values = problem.values[source[there]]
        if whole:
            found[turn] = column_pearson(values, target[there])
        else:
            found[turn] = [_masked_r(values[:, j], target[there]) for j in range(values.shape[1])]
    return np.nan_to_num(found)
