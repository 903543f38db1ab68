"""Choosing the penalty inside a training set, so that no validation pair has a say."""

import numpy as np

from mloss_core.mergeability.predictor.protocols import LEAST_TRAINING, PROTOCOLS, PairRows
from mloss_core.mergeability.predictor.scaling import fit_scaler
from mloss_core.mergeability.predictor.scores import pearson
from mloss_core.mergeability.predictor.solvers import Solver, lasso_fits


def choose_alpha(solver: Solver, values: np.ndarray, target: np.ndarray, rows: PairRows, seed: int) -> float:
    """The alpha of the solver's grid with the largest mean r when each training task is left out in turn.

    A fold without r, such as one in which no metric is left, counts as 0; of equals the larger penalty wins.

    Args:
        solver: with a grid.
        values, target, rows: of the training pairs alone.
        seed: of seeded solvers.

    Returns:
        An alpha of the grid; the solver's default where there are too few pairs to choose.
    """
    totals, folds = np.zeros(len(solver.grid)), 0
    for fold in PROTOCOLS["loto"].split(rows, 0, 0):
        if len(fold.train) < LEAST_TRAINING or len(fold.validate) < LEAST_TRAINING:
            continue
        scaler = fit_scaler(values[fold.train], target[fold.train], np.flatnonzero(np.isnan(values).any(axis=0)))
        train, held = scaler.columns(values[fold.train]), scaler.columns(values[fold.validate])
        goal = scaler.target(target[fold.train])
        if solver.name == "lasso":
            fits = lasso_fits(train, goal, solver.grid)
        else:
            fits = [solver.fit(train, goal, alpha, seed) for alpha in solver.grid]  # type: ignore[misc]
        found = [pearson(fit.predict(held), target[fold.validate]) for fit in fits]
        totals += np.nan_to_num(found)
        folds += 1
    if not folds:
        return solver.alpha or solver.grid[0]
    best = totals.max()
    return max(alpha for alpha, total in zip(solver.grid, totals, strict=True) if total >= best - 1e-12)
