"""Cross-validation of a mergeability predictor, with the baselines beside it."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from mloss_core.errors import InvalidOptionError
from mloss_core.mergeability.predictor.baselines import BASELINES
from mloss_core.mergeability.predictor.nested import choose_alpha
from mloss_core.mergeability.predictor.problem import Problem, prepare
from mloss_core.mergeability.predictor.protocols import LEAST_TRAINING, Fold, Protocol, folds_of, get_protocol
from mloss_core.mergeability.predictor.results import CrossValidation, Outcome
from mloss_core.mergeability.predictor.scaling import Scaler, fit_scaler
from mloss_core.mergeability.predictor.scores import Scores, pearson, score
from mloss_core.mergeability.predictor.solvers import NESTED, Fit, Solver, check_alpha, get_solver

if TYPE_CHECKING:
    import pandas

    from mloss_core.mergeability.predictor.tables import PairTable


def cross_validate(
    frame: "pandas.DataFrame | PairTable",
    metrics: "str | Sequence[str] | None" = None,
    target: str = "",
    protocol: str = "loto",
    solver: str = "lasso",
    *,
    alpha: "float | str | None" = None,
    seed: int = 0,
    splits: int = 20,
    rows: str = "common",
    impute: bool = False,
    individual: Mapping[str, float] | None = None,
    k: int = 5,
) -> CrossValidation:
    """Fit a predictor on some pairs and hold it against others, fold by fold.

    Metrics are scaled to [-1, 1] and the target is standardised by the training rows alone; fits have an intercept, so
    predictions are in the target's own unit.

    Args:
        frame: pairs: task_a, task_b, metrics, accuracies (`check_table`).
        metrics: names; `all28`, `dedup25`, `data_free18`, `clean24`; None for every metric of the table.
        target: a column such as `normacc_ties`, or `worst_M`, `residual_M` of a method M.
        protocol: a key of `PROTOCOLS`: loto, l2to, disjoint.
        solver: a key of `SOLVERS`: lasso, ridge, ols, ref_adam, mlp.
        alpha: its penalty; the solver's default; `nested` to choose it inside each training set.
        seed: of random splits and of seeded solvers.
        splits: number of random splits.
        rows, impute, individual: see `prepare`.
        k: pairs to choose where choosing by the prediction is judged.

    Raises:
        InvalidOptionError, UnknownNameError: a table or choice that cannot be used; the message says why.
    """
    problem = prepare(frame, metrics, target, rows=rows, impute=impute, individual=individual)
    return validate(problem, protocol, solver, alpha=alpha, seed=seed, splits=splits, k=k)


def validate(
    problem: Problem,
    protocol: str = "loto",
    solver: str = "lasso",
    *,
    alpha: "float | str | None" = None,
    seed: int = 0,
    splits: int = 20,
    k: int = 5,
    beside: bool = True,
) -> CrossValidation:
    """`cross_validate` of a problem that is prepared already; `beside` says whether baselines are wanted."""
    way, method = get_protocol(protocol), get_solver(solver)
    penalty = check_alpha(method, alpha)
    _check_numbers(splits=splits, k=k, seed=seed)
    if problem.target.kind == "residual" and not way.partners:
        raise InvalidOptionError(
            "the interaction residual needs the effects of tasks that are in training; "
            f"{protocol} has none for the pairs it predicts. Choose loto."
        )
    folds = folds_of(problem.rows, way, splits, seed)
    outcomes = tuple(_outcome(problem, fold, method, penalty, seed) for fold in folds)
    scores = _scores(outcomes, [outcome.predicted for outcome in outcomes], k)
    baselines, unavailable = _baselines(problem, way, outcomes, k) if beside else ({}, {})
    notes = [*problem.notes, *_unfitted(problem, way, splits, len(folds)), *_remarks(problem, outcomes, scores, way)]
    if alpha is not None and method.alpha is None:
        notes.append(f"alpha has no part in {method.name}.")
    return CrossValidation(problem, way, method, penalty, outcomes, scores, baselines, unavailable, tuple(notes))


def _check_numbers(splits: int, k: int, seed: int) -> None:
    for name, value, low, high in (("splits", splits, 1, 1000), ("k", k, 1, 10_000), ("seed", seed, 0, 2**31 - 1)):
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidOptionError(f"{name} must be a whole number from {low} to {high}; found {value!r}.")


def fit_rows(
    problem: Problem, train: np.ndarray, target: np.ndarray, solver: Solver, alpha: "float | str", seed: int
) -> tuple[Fit, Scaler, float]:
    """Fit on some rows: the fit, its scaling and the alpha that was used."""
    values = problem.values[train]
    scaler = fit_scaler(values, target, problem.indicator)
    if alpha == NESTED:
        alpha = choose_alpha(solver, values, target, problem.rows.only(train), seed)
    fit = solver.fit(scaler.columns(values), scaler.target(target), float(alpha), seed)
    return fit, scaler, float(alpha)


def _outcome(problem: Problem, fold: Fold, solver: Solver, alpha: "float | str", seed: int) -> Outcome:
    known, measured = problem.measured(fold)
    fit, scaler, used = fit_rows(problem, fold.train, known, solver, alpha, seed)
    back = fit.predict(scaler.columns(problem.values[fold.train]))
    predicted = scaler.units(fit.predict(scaler.columns(problem.values[fold.validate])))
    return Outcome(fold, used, fit.coefficients, predicted, measured, pearson(back, known))


def _scores(outcomes: Sequence[Outcome], predicted: Sequence[np.ndarray], k: int) -> Scores:
    folds = [(outcome.fold.label, len(outcome.fold.train), outcome.fold.validate) for outcome in outcomes]
    return score(folds, predicted, [outcome.measured for outcome in outcomes], k)


def _baselines(
    problem: Problem, protocol: Protocol, outcomes: Sequence[Outcome], k: int
) -> tuple[dict[str, Scores], dict[str, str]]:
    found: dict[str, Scores] = {}
    unavailable: dict[str, str] = {}
    for name, baseline in BASELINES.items():
        reason = baseline.unavailable(problem, protocol)
        if reason is not None:
            unavailable |= {} if baseline.optional else {name: reason}
            continue
        guesses = [baseline.predict(problem, o.fold, problem.measured(o.fold)[0]) for o in outcomes]
        found[name] = _scores(outcomes, guesses, k)
    return found, unavailable


def _unfitted(problem: Problem, protocol: Protocol, splits: int, folds: int) -> list[str]:
    """A note on folds that a sparse table leaves without pairs."""
    wanted = {"loto": len(problem.rows.tasks), "l2to": len(problem.rows.first)}.get(protocol.name, splits)
    if folds == wanted:
        return []
    return [f"{wanted - folds} of {wanted} folds have fewer than {LEAST_TRAINING} pairs to fit on: left out."]


def _remarks(problem: Problem, outcomes: Sequence[Outcome], scores: Scores, protocol: Protocol) -> list[str]:
    remarks = []
    if not protocol.pools:
        without = sum(math.isnan(fold.pearson) for fold in scores.folds)
        if without:
            have, count = ("has", "does") if without == 1 else ("have", "do")
            remarks.append(
                f"{without} of {len(scores.folds)} folds {have} no correlation (fewer than 3 pairs, or the same value "
                f"for all) and {count} not count in the means."
            )
    least = min(len(outcome.fold.train) for outcome in outcomes)
    if least <= len(problem.metrics):
        remarks.append(
            f"the smallest training set has {least} pairs for {len(problem.metrics)} metrics: a fit can copy them."
        )
    return remarks
