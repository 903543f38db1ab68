"""A predictor for pairs and sets that nobody has merged yet, with an interval and a flag for what it has never seen."""

import dataclasses
import itertools
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mloss_core.errors import InvalidOptionError, quoted
from mloss_core.mergeability.predictor.columns import PAIR
from mloss_core.mergeability.predictor.effects import seen_effects
from mloss_core.mergeability.predictor.problem import Problem, prepare
from mloss_core.mergeability.predictor.protocols import PROTOCOLS
from mloss_core.mergeability.predictor.scaling import Scaler
from mloss_core.mergeability.predictor.solvers import NESTED, Fit, Solver, check_alpha, get_solver
from mloss_core.mergeability.predictor.tables import as_table
from mloss_core.mergeability.predictor.validation import fit_rows, validate

if TYPE_CHECKING:
    import pandas

    from mloss_core.mergeability.predictor.tables import PairTable

LEVEL = 0.9
"""Share of left-out pairs whose error lies within the interval."""


@dataclasses.dataclass(frozen=True)
class Prediction:
    """What to expect of merging some tasks.

    Args:
        tasks: two for a pair, more for a set.
        value: in the target's unit: an accuracy, as a fraction; NaN where metrics are missing.
        low, high: ends of the interval, NaN where too few tasks allow none. It holds `LEVEL` of the errors that the
            same fit made on left-out pairs with as many unseen tasks; for a set the mean of its pairs' half widths,
            because errors of pairs that share tasks do not cancel.
        outside: metrics that leave the range of the training pairs: the prediction extrapolates there.
        unseen: tasks that no training pair holds.
        missing: metrics without which there is no prediction.
    """

    tasks: tuple[str, ...]
    value: float
    low: float
    high: float
    outside: tuple[str, ...]
    unseen: tuple[str, ...]
    missing: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A fit on all usable pairs of a table.

    Args:
        problem: what it was fitted on.
        solver, alpha: how.
        fit, scaler: the function of scaled metrics, and the scaling.
        half_width: of the interval by number of unseen tasks (0 or 1, and 2); NaN where it is not known.
        training_pairs: number of pairs it was fitted on.
    """

    problem: Problem
    solver: Solver
    alpha: float
    fit: Fit
    scaler: Scaler
    half_width: Mapping[int, float]
    training_pairs: int

    @property
    def coefficients(self) -> dict[str, float] | None:
        """By metric: standard deviations of the target for half its training range; None for a network."""
        if self.fit.coefficients is None:
            return None
        names = self.problem.metrics
        return {name: float(value) for name, value in zip(names, self.fit.coefficients[: len(names)], strict=True)}

    def predict(self, frame: "pandas.DataFrame | PairTable") -> list[Prediction]:
        """One prediction a row of a table that has the metrics; NaN for a row that lacks one.

        Raises:
            InvalidOptionError: the table has no column of a metric.
        """
        table = as_table(frame)
        lacking = [name for name in self.problem.metrics if name not in table.numbers]
        if lacking:
            raise InvalidOptionError(f"a prediction needs the metric {lacking[0]}; the table has no such numbers.")
        values = table.frame[list(self.problem.metrics)].to_numpy(float)
        pairs = [(str(first), str(second)) for first, second in table.frame[list(PAIR)].to_numpy()]
        guesses = self.scaler.units(self.fit.predict(self.scaler.columns(values)))
        # A fit that met missing cells was told to fill them; any other knows nothing of such a pair.
        missing = np.isnan(values) & (len(self.problem.indicator) == 0)
        rows = zip(pairs, guesses, self.scaler.outside(values), missing, strict=True)
        return [self._pair(*row) for row in rows]

    def predict_set(self, frame: "pandas.DataFrame | PairTable", tasks: Sequence[str]) -> Prediction:
        """The mean prediction over all pairs of a set of tasks.

        Raises:
            InvalidOptionError: fewer than two tasks, a task twice, or a pair that the table lacks or knows partly.
        """
        if len(tasks) < 2 or len(set(tasks)) < len(tasks):
            raise InvalidOptionError(f"a set needs at least two different tasks; found {quoted(list(tasks))}.")
        table = as_table(frame)
        place = {frozenset(pair): row for row, pair in enumerate(table.frame[list(PAIR)].to_numpy())}
        wanted = list(itertools.combinations(tasks, 2))
        for pair in wanted:
            if frozenset(pair) not in place:
                raise InvalidOptionError(f"the table must hold every pair of the set; {pair[0]} with {pair[1]} is not.")
        rows = [place[frozenset(pair)] for pair in wanted]
        parts = self.predict(dataclasses.replace(table, frame=table.frame.iloc[rows].reset_index(drop=True)))
        for part in parts:
            if part.missing:
                names = " with ".join(part.tasks)
                raise InvalidOptionError(f"a set needs every metric of its pairs; {names} has no {part.missing[0]}.")
        value = float(np.mean([part.value for part in parts]))
        half = float(np.mean([part.high - part.value for part in parts]))
        outside = tuple(dict.fromkeys(name for part in parts for name in part.outside))
        unseen = tuple(dict.fromkeys(name for part in parts for name in part.unseen))
        return Prediction(tuple(tasks), value, value - half, value + half, outside, unseen)

    def _pair(self, pair: tuple[str, str], guess: float, outside: np.ndarray, missing: np.ndarray) -> Prediction:
        unseen = tuple(task for task in pair if task not in self.problem.rows.tasks)
        half = self.half_width[2 if len(unseen) == 2 else 1]
        value = math.nan if missing.any() else float(guess)
        beyond, lacking = self._named(outside), self._named(missing)
        return Prediction(pair, value, value - half, value + half, beyond, unseen, lacking)

    def _named(self, which: np.ndarray) -> tuple[str, ...]:
        return tuple(self.problem.metrics[place] for place in np.flatnonzero(which))


def fit_predictor(
    frame: "pandas.DataFrame | PairTable",
    metrics: "str | Sequence[str] | None" = None,
    target: str = "",
    solver: str = "lasso",
    *,
    alpha: "float | str | None" = None,
    seed: int = 0,
    rows: str = "common",
    impute: bool = False,
    individual: Mapping[str, float] | None = None,
) -> Predictor:
    """Fit a predictor on all usable pairs of a table; the arguments are those of `cross_validate`.

    For the interaction residual the effects of tasks are fitted on the same pairs, and predictions are residuals.

    Raises:
        InvalidOptionError, UnknownNameError: a table or choice that cannot be used; the message says why.
    """
    problem = prepare(frame, metrics, target, rows=rows, impute=impute, individual=individual)
    method = get_solver(solver)
    penalty = check_alpha(method, alpha)
    known = problem.target.values
    if len(known) < 3:
        raise InvalidOptionError(f"a fit needs at least 3 pairs; found {len(known)}.")
    if problem.target.kind == "residual":
        effects = seen_effects(problem.rows, known)
        known = known - effects[problem.rows.first] - effects[problem.rows.second]
    every = np.arange(len(known))
    fit, scaler, used = fit_rows(problem, every, known, method, penalty, seed)
    errors = {1: "loto", 2: "l2to"}
    # The penalty that was chosen is kept in the folds that judge it; choosing it again in each would take minutes.
    again = used if penalty == NESTED else penalty
    half = {unseen: _half_width(problem, name, method, again, seed) for unseen, name in errors.items()}
    return Predictor(problem, method, used, fit, scaler, half, len(known))


def _half_width(problem: Problem, protocol: str, solver: Solver, alpha: "float | str", seed: int) -> float:
    """The `LEVEL` quantile of absolute errors on left-out pairs, as conformal prediction takes it; NaN of too few."""
    way = PROTOCOLS[protocol]
    if problem.target.kind == "residual" and not way.partners:
        return math.nan
    try:
        penalty = None if solver.alpha is None else alpha
        result = validate(problem, protocol, solver.name, alpha=penalty, seed=seed, beside=False)
    except InvalidOptionError:
        return math.nan
    errors = np.sort(np.abs(np.concatenate([o.predicted - o.measured for o in result.outcomes])))
    place = math.ceil((len(errors) + 1) * LEVEL)
    return float(errors[place - 1]) if place <= len(errors) else math.nan
