"""How good a prediction is: correlations with their spread, and what choosing by it costs."""

import dataclasses
import itertools
import math
from collections.abc import Sequence

import numpy as np

LEAST_POINTS = 3
"""Points that a correlation needs; with two it is 1 or -1 whatever they are."""
_MOST_SETS = 250_000


def pearson(one: np.ndarray, other: np.ndarray) -> float:
    """Pearson's r, in [-1, 1]; NaN below three points and where either side is constant."""
    if len(one) < LEAST_POINTS or _constant(one) or _constant(other):
        return math.nan
    a, b = one - one.mean(), other - other.mean()
    return float(np.clip(a @ b / math.sqrt((a @ a) * (b @ b)), -1.0, 1.0))


def column_pearson(columns: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Pearson's r of every column with a target: (row, column), (row,) -> (column,); NaN as in `pearson`."""
    if len(target) < LEAST_POINTS or _constant(target):
        return np.full(columns.shape[1], math.nan)
    a, b = columns - columns.mean(axis=0), target - target.mean()
    flat = np.ptp(columns, axis=0) <= 1e-12 * np.maximum(1e-300, np.abs(columns).max(axis=0))
    bottom = np.sqrt((a * a).sum(axis=0) * (b @ b))
    return np.where(flat, math.nan, np.clip(a.T @ b / np.where(flat, 1.0, bottom), -1.0, 1.0))


def _constant(values: np.ndarray) -> bool:
    # What differs by rounding alone correlates with anything.
    return bool(np.ptp(values) <= 1e-12 * max(1e-300, float(np.abs(values).max())))


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Spearman's rho: Pearson's r of the ranks, equal values sharing their mean rank; NaN where there is no r."""
    if math.isnan(pearson(one, other)):
        return math.nan
    return pearson(_ranks(one), _ranks(other))


def _ranks(values: np.ndarray) -> np.ndarray:
    _, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[place]


def fisher_mean(correlations: Sequence[float]) -> float:
    """Mean of correlations on Fisher's scale: tanh of the mean of atanh r; NaN of none."""
    known = np.array([r for r in correlations if not math.isnan(r)])
    return float(np.tanh(np.arctanh(np.clip(known, -1 + 1e-9, 1 - 1e-9)).mean())) if len(known) else math.nan


@dataclasses.dataclass(frozen=True)
class FoldScore:
    """One fold: its label, pairs fitted on and held against, and correlations (NaN where there is none)."""

    label: str
    n_train: int
    n_val: int
    pearson: float
    spearman: float


@dataclasses.dataclass(frozen=True)
class Scores:
    """A prediction held against what was measured.

    Args:
        folds: one record a fold.
        mean_pearson, mean_spearman: means over the folds that have one.
        fisher_z: mean on Fisher's scale, as a correlation.
        sd: standard deviation over folds (ddof 0).
        standard_error: of the mean over folds, sd / sqrt(folds - 1). Folds share pairs, so it is a lower bound.
        pooled: Pearson's r over all validation predictions together.
        lost, lost_random: what choosing the k best pairs by prediction, or by chance, costs (`lost_points`).
        k: pairs chosen.
        predicted, measured: one value a pair that was held out, the mean where several folds hold it out.
    """

    folds: tuple[FoldScore, ...]
    mean_pearson: float
    mean_spearman: float
    fisher_z: float
    sd: float
    standard_error: float
    pooled: float
    lost: float
    lost_random: float
    k: int
    predicted: np.ndarray
    measured: np.ndarray

    def headline(self, pools: bool) -> float:
        """The figure that a protocol is read by: the mean over folds, or the pooled r where folds have none."""
        return self.pooled if pools else self.mean_pearson

    def lost_at(self, k: int) -> float:
        """What choosing the k best pairs by this prediction costs (`lost_points`)."""
        return lost_points(self.predicted, self.measured, k)

    def lost_by_chance(self, k: int) -> float:
        """What choosing k pairs at random costs on average."""
        return float(np.sort(self.measured)[-k:].mean() - self.measured.mean())


def score(
    folds: Sequence[tuple[str, int, np.ndarray]],
    predictions: Sequence[np.ndarray],
    measured: Sequence[np.ndarray],
    k: int = 5,
) -> Scores:
    """Scores of out-of-fold predictions.

    Args:
        folds: label, number of training pairs and validation rows of each fold.
        predictions, measured: by fold, one value a validation row.
        k: pairs to choose, at most a half of those there are.
    """
    records = tuple(
        FoldScore(label, n_train, len(rows), pearson(guess, truth), spearman(guess, truth))
        for (label, n_train, rows), guess, truth in zip(folds, predictions, measured, strict=True)
    )
    known = [fold.pearson for fold in records if not math.isnan(fold.pearson)]
    ranks = [fold.spearman for fold in records if not math.isnan(fold.spearman)]
    sd = float(np.std(known)) if known else math.nan
    rows = np.concatenate([rows for _, _, rows in folds])
    guess, truth = np.concatenate(predictions), np.concatenate(measured)
    by_pair, values = _mean_by(rows, guess), _mean_by(rows, truth)
    k = max(1, min(k, len(values) // 2))
    return Scores(
        folds=records,
        mean_pearson=float(np.mean(known)) if known else math.nan,
        mean_spearman=float(np.mean(ranks)) if ranks else math.nan,
        fisher_z=fisher_mean(known),
        sd=sd,
        standard_error=sd / math.sqrt(len(known) - 1) if len(known) > 1 else math.nan,
        pooled=pearson(guess, truth),
        lost=lost_points(by_pair, values, k),
        lost_random=float(np.sort(values)[-k:].mean() - values.mean()),
        k=k,
        predicted=by_pair,
        measured=values,
    )


def _mean_by(rows: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Mean value of each row that occurs; a pair that is predicted in two folds counts once."""
    _, place = np.unique(rows, return_inverse=True)
    return np.bincount(place, values) / np.bincount(place)


def lost_points(predicted: np.ndarray, measured: np.ndarray, k: int) -> float:
    """What choosing by prediction costs: mean of the k best measured values minus that of the k best predicted ones.

    Equal predictions share their places, so a constant prediction loses what chance does.

    Returns:
        A difference in the unit of `measured`, at least 0.

    Example:
        >>> round(lost_points(np.array([3.0, 2.0, 1.0]), np.array([0.8, 0.9, 0.7]), 1), 6)
        0.1
    """
    weights = chosen_share(predicted, k)
    return max(0.0, float(np.sort(measured)[-k:].mean() - weights @ measured / k))


def chosen_share(predicted: np.ndarray, k: int) -> np.ndarray:
    """By how much each entry is among the k largest: 1, 0, or between where equals compete for the last places."""
    threshold = np.sort(predicted)[-k]
    above, ties = predicted > threshold, predicted == threshold
    return above + ties * ((k - above.sum()) / ties.sum())


def best_set(values: np.ndarray, size: int) -> tuple[int, ...]:
    """The set of that many tasks with the highest mean over its pairs.

    Args:
        values: symmetric (task, task); NaN where a pair has no value, and such pairs do not count.
        size: tasks to choose, at least 2.

    Returns:
        Places of the tasks; the exact best where all sets can be looked at, else the best that grows task by task.
    """
    count = len(values)
    if math.comb(count, size) <= _MOST_SETS:
        sets = np.array(list(itertools.combinations(range(count), size)))
        return tuple(int(task) for task in sets[np.nanargmax(_set_means(values, sets))])
    chosen = list(best_set(values, 2))
    while len(chosen) < size:
        rest = [task for task in range(count) if task not in chosen]
        grown = np.array([[*chosen, task] for task in rest])
        chosen.append(rest[int(np.nanargmax(_set_means(values, grown)))])
    return tuple(sorted(chosen))


def set_mean(values: np.ndarray, tasks: Sequence[int]) -> float:
    """Mean over the pairs of a set that have a value; NaN when none has."""
    return float(_set_means(values, np.array([list(tasks)]))[0])


def _set_means(values: np.ndarray, sets: np.ndarray) -> np.ndarray:
    """Mean over pairs of each set (set, size) -> (set,)."""
    total, known = np.zeros(len(sets)), np.zeros(len(sets))
    for i, j in itertools.combinations(range(sets.shape[1]), 2):
        found = values[sets[:, i], sets[:, j]]
        there = np.isfinite(found)
        total += np.where(there, found, 0.0)
        known += there
    return np.divide(total, known, out=np.full(len(sets), np.nan), where=known > 0)
