"""A cross-validated predictor: what each fold found, and what follows for metrics, pairs and sets."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mloss_core.errors import InvalidOptionError
from mloss_core.mergeability.predictor.problem import Problem
from mloss_core.mergeability.predictor.protocols import Fold, Protocol
from mloss_core.mergeability.predictor.scores import Scores, best_set, set_mean
from mloss_core.mergeability.predictor.solvers import Solver

if TYPE_CHECKING:
    import pandas


@dataclasses.dataclass(frozen=True)
class Outcome:
    """A fit of one fold: its alpha, its predictions of the validation rows, what was measured, and its training r."""

    fold: Fold
    alpha: float
    coefficients: np.ndarray | None
    predicted: np.ndarray
    measured: np.ndarray
    train_pearson: float


@dataclasses.dataclass(frozen=True)
class CrossValidation:
    """A predictor held against pairs that it was not fitted on.

    Args:
        problem: rows, metrics and target.
        protocol, solver: how it was split and fitted.
        alpha: the penalty, or `nested`.
        outcomes: one record a fold.
        scores: of the predictor; baselines: of each baseline that exists here, by name.
        unavailable: baselines that do not, each with its reason.
        notes: what was left out or is to be kept in mind, in sentences.
    """

    problem: Problem
    protocol: Protocol
    solver: Solver
    alpha: "float | str"
    outcomes: tuple[Outcome, ...]
    scores: Scores
    baselines: Mapping[str, Scores]
    unavailable: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def headline(self) -> float:
        """The figure that the protocol is read by: mean r over folds; pooled r where folds have one pair each."""
        return self.scores.headline(self.protocol.pools)

    @property
    def metrics(self) -> tuple[str, ...]:
        """Metrics that were used."""
        return self.problem.metrics

    def coefficients(self) -> dict[str, float] | None:
        """Mean over folds of each coefficient: standard deviations of the target for half a metric's training range."""
        weights = self._weights()
        return None if weights is None else _by_name(self.metrics, weights.mean(axis=0))

    def coefficient_sd(self) -> dict[str, float] | None:
        """Standard deviation over folds (ddof 0) of each coefficient."""
        weights = self._weights()
        return None if weights is None else _by_name(self.metrics, weights.std(axis=0))

    def selection_rate(self) -> dict[str, float] | None:
        """Fraction of folds in which a metric's coefficient is not zero."""
        weights = self._weights()
        return None if weights is None else _by_name(self.metrics, (weights != 0).mean(axis=0))

    def importance(self) -> dict[str, float] | None:
        """|mean coefficient| times selection rate."""
        weights = self._weights()
        if weights is None:
            return None
        return _by_name(self.metrics, np.abs(weights.mean(axis=0)) * (weights != 0).mean(axis=0))

    def _weights(self) -> np.ndarray | None:
        found = [outcome.coefficients for outcome in self.outcomes if outcome.coefficients is not None]
        return np.stack(found)[:, : len(self.metrics)] if len(found) == len(self.outcomes) else None

    def predictions(self) -> "pandas.DataFrame":
        """All validation predictions: fold, task_a, task_b, predicted, measured."""
        import pandas

        rows, names = self.problem.rows, self.problem.rows.tasks
        return pandas.DataFrame(
            [
                (outcome.fold.label, names[rows.first[row]], names[rows.second[row]], float(guess), float(truth))
                for outcome in self.outcomes
                for row, guess, truth in zip(outcome.fold.validate, outcome.predicted, outcome.measured, strict=True)
            ],
            columns=["fold", "task_a", "task_b", "predicted", "measured"],
        )

    def best_set(self, size: int) -> "ChosenSet":
        """The best set of so many tasks by out-of-fold prediction, and by measurement, each by its mean over pairs.

        Raises:
            InvalidOptionError: a size below 2 or above the number of tasks.
        """
        tasks = self.problem.rows.tasks
        if not 2 <= size <= len(tasks):
            raise InvalidOptionError(f"a set has 2 to {len(tasks)} tasks; found {size}.")
        predicted, measured = (self._matrix(name) for name in ("predicted", "measured"))
        chosen, best = best_set(predicted, size), best_set(np.where(np.isnan(predicted), np.nan, measured), size)
        return ChosenSet(
            predicted=tuple(tasks[place] for place in chosen),
            measured=tuple(tasks[place] for place in best),
            lost=set_mean(measured, best) - set_mean(measured, chosen),
            lost_random=set_mean(measured, best) - float(np.nanmean(measured)),
        )

    def _matrix(self, name: str) -> np.ndarray:
        """Mean over folds of predicted or measured values, symmetric (task, task); NaN where a pair has none."""
        rows, count = self.problem.rows, len(self.problem.rows.tasks)
        total, times = np.zeros((count, count)), np.zeros((count, count))
        for outcome in self.outcomes:
            first, second = rows.first[outcome.fold.validate], rows.second[outcome.fold.validate]
            for i, j in ((first, second), (second, first)):
                np.add.at(total, (i, j), getattr(outcome, name))
                np.add.at(times, (i, j), 1.0)
        return np.divide(total, times, out=np.full_like(total, np.nan), where=times > 0)


@dataclasses.dataclass(frozen=True)
class ChosenSet:
    """The best set of tasks by prediction and by measurement, and what choosing by prediction, or by chance, costs."""

    predicted: tuple[str, ...]
    measured: tuple[str, ...]
    lost: float
    lost_random: float


def _by_name(names: Sequence[str], values: np.ndarray) -> dict[str, float]:
    return {name: float(value) for name, value in zip(names, values, strict=True)}
