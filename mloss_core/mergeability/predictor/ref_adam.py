"""The reference's own fit, to compare with its figures: early-stopped Adam on minus Pearson's r plus an L1 penalty.

r does not change with the length of w, so the objective has no minimiser for a positive penalty: what comes out depends
on when it stops. `lasso` is the well-posed form.
"""

import numpy as np

_STEP, _BETA1, _BETA2, _EPSILON = 0.01, 0.9, 0.999, 1e-8
_MOST_STEPS, _PATIENCE, _IMPROVEMENT, _ZERO, _SOFT = 2000, 100, 1e-5, 1e-3, 1e-8


def loss_and_gradient(
    columns: np.ndarray, target: np.ndarray, weights: np.ndarray, penalty: float
) -> tuple[float, np.ndarray]:
    """-r(Xw, y) + penalty |w|_1 and its (sub)gradient, with the reference's 1e-8 in the denominator of r.

    Args:
        columns: X, (row, column), each with mean 0; target: y, (row,), with mean 0.
        weights: w, (column,).
        penalty: the papers' lambda, at least 0.
    """
    guess = columns @ weights
    length, goal = np.sqrt(guess @ guess), np.sqrt(target @ target)
    bottom = length * goal + _SOFT
    top = guess @ target
    by_guess = target / bottom - top * goal / bottom**2 * (guess / max(float(length), 1e-300))
    loss = -top / bottom + penalty * np.abs(weights).sum()
    return float(loss), -(columns.T @ by_guess) + penalty * np.sign(weights)


def fit_ref_adam(columns: np.ndarray, target: np.ndarray, penalty: float, seed: int) -> np.ndarray:
    """Coefficients as the reference fits them: at most 2000 steps of 0.01, from 0.1 N(0, 1), entries below 1e-3 zero.

    Args:
        columns: X, (row, column), scaled; target: y, (row,).
        penalty: lambda; the reference uses 1 and 0.
        seed: of the start.

    Returns:
        float64 (column,). Their length has no meaning.
    """
    columns, target = columns - columns.mean(axis=0), target - target.mean()
    weights: np.ndarray = 0.1 * np.random.default_rng(seed).standard_normal((columns.shape[1],))
    mean, square = np.zeros_like(weights), np.zeros_like(weights)
    best, waited = float("inf"), 0
    for step in range(1, _MOST_STEPS + 1):
        loss, gradient = loss_and_gradient(columns, target, weights, penalty)
        mean = _BETA1 * mean + (1 - _BETA1) * gradient
        square = _BETA2 * square + (1 - _BETA2) * gradient**2
        weights = weights - _STEP * (mean / (1 - _BETA1**step)) / (np.sqrt(square / (1 - _BETA2**step)) + _EPSILON)
        best, waited = (loss, 0) if loss < best - _IMPROVEMENT else (best, waited + 1)
        if waited >= _PATIENCE:
            break
    return np.where(np.abs(weights) < _ZERO, 0.0, weights)
