"""How a predictor is fitted: a registry of solvers over scikit-learn."""

import dataclasses
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Protocol

import numpy as np

from mloss_core.errors import InvalidOptionError, quoted, unknown_name
from mloss_core.mergeability.predictor.ref_adam import fit_ref_adam

NESTED = "nested"
"""Pass as alpha to have it chosen inside each training set."""
_MLP_STEPS = 200


class Fit(Protocol):
    """A fitted function of scaled metrics."""

    @property
    def coefficients(self) -> np.ndarray | None:
        """One a column, or None where a fit has none."""

    def predict(self, columns: np.ndarray) -> np.ndarray:
        """Standardised predictions, (row, column) -> (row,)."""


@dataclasses.dataclass(frozen=True)
class LinearFit:
    """X w + b.

    Args:
        coefficients: w, float64 (column,): change of the standardised target for half the training range of a metric.
        intercept: b.
    """

    coefficients: np.ndarray
    intercept: float

    def predict(self, columns: np.ndarray) -> np.ndarray:
        """Standardised predictions."""
        return columns @ self.coefficients + self.intercept


@dataclasses.dataclass(frozen=True)
class NetworkFit:
    """A small network, which has no coefficients."""

    model: object
    coefficients: None = None

    def predict(self, columns: np.ndarray) -> np.ndarray:
        """Standardised predictions."""
        return np.asarray(self.model.predict(columns), dtype=float)  # type: ignore[attr-defined]


@dataclasses.dataclass(frozen=True)
class Solver:
    """A way to fit.

    Args:
        name: its key in `SOLVERS`; title: for people.
        summary: one sentence: objective and what alpha means.
        alpha: its default; None where there is no penalty.
        grid: from which `nested` chooses.
        least: smallest alpha that is allowed.
        seeded: whether a seed plays a part.
        fit: scaled columns, standardised target, alpha, seed -> fit.
    """

    name: str
    title: str
    summary: str
    alpha: float | None
    grid: tuple[float, ...]
    least: float
    seeded: bool
    fit: Callable[[np.ndarray, np.ndarray, float, int], Fit]


def _ols(columns: np.ndarray, target: np.ndarray, alpha: float, seed: int) -> Fit:
    # The intercept is a column: metrics that copy each other make the system singular, and what the smallest solution
    # is depends on that choice in the third digit of r.
    design = np.concatenate([columns, np.ones((len(columns), 1))], axis=1)
    weights = np.linalg.lstsq(design, target, rcond=None)[0]
    return LinearFit(weights[:-1], float(weights[-1]))


def _ridge(columns: np.ndarray, target: np.ndarray, alpha: float, seed: int) -> Fit:
    from sklearn.linear_model import Ridge

    model = Ridge(alpha=alpha).fit(columns, target)
    return LinearFit(model.coef_, float(model.intercept_))


def _lasso(columns: np.ndarray, target: np.ndarray, alpha: float, seed: int) -> Fit:
    return lasso_fits(columns, target, (alpha,))[0]


def lasso_fits(columns: np.ndarray, target: np.ndarray, alphas: Sequence[float]) -> list[LinearFit]:
    """1/(2n) |y - Xw - b|^2 + alpha |w|_1 by coordinate descent, for several alphas in one go."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import lasso_path

    centre, middle = columns.mean(axis=0), target.mean()
    centred = np.asfortranarray(columns - centre)
    order = sorted(alphas, reverse=True)
    with warnings.catch_warnings():
        # With more metrics than pairs, copies of each other among them, it creeps: after so many rounds the gap that is
        # left is a few 1e-5 of the target's square.
        warnings.simplefilter("ignore", ConvergenceWarning)
        _, paths, _ = lasso_path(
            centred, target - middle, alphas=order, precompute=centred.T @ centred, max_iter=100_000, tol=1e-5
        )
    by_alpha = {alpha: paths[:, place] for place, alpha in enumerate(order)}
    return [LinearFit(by_alpha[alpha], float(middle - centre @ by_alpha[alpha])) for alpha in alphas]


def _ref_adam(columns: np.ndarray, target: np.ndarray, alpha: float, seed: int) -> Fit:
    weights = fit_ref_adam(columns, target, alpha, seed)
    guess = columns @ weights
    # Its weights have no scale; a line through the training rows gives predictions in units and leaves r as it is.
    spread = float(((guess - guess.mean()) ** 2).sum())
    slope = float((guess - guess.mean()) @ (target - target.mean())) / spread if spread > 0 else 0.0
    return LinearFit(slope * weights, float(target.mean() - slope * guess.mean()))


def _mlp(columns: np.ndarray, target: np.ndarray, alpha: float, seed: int) -> Fit:
    from sklearn.neural_network import MLPRegressor

    model = MLPRegressor(
        hidden_layer_sizes=(8,), alpha=alpha, solver="lbfgs", max_iter=_MLP_STEPS, max_fun=100_000, random_state=seed
    )
    with warnings.catch_warnings():
        # A fixed budget of steps is the recipe; stopping at it is no fault.
        warnings.simplefilter("ignore")
        return NetworkFit(model.fit(columns, target))


SOLVERS: Mapping[str, Solver] = MappingProxyType(
    {
        solver.name: solver
        for solver in (
            Solver(
                name="lasso",
                title="Lasso",
                summary="Least squares with an L1 penalty alpha, which leaves metrics out; the well-posed form of the "
                "reference's objective.",
                alpha=0.003,
                grid=(0.001, 0.003, 0.01, 0.03),
                least=1e-8,
                seeded=False,
                fit=_lasso,
            ),
            Solver(
                name="ridge",
                title="Ridge",
                summary="Least squares with a squared penalty alpha, which shrinks all metrics.",
                alpha=1.0,
                grid=(0.1, 0.3, 1.0, 3.0),
                least=0.0,
                seeded=False,
                fit=_ridge,
            ),
            Solver(
                name="ols",
                title="Least squares",
                summary="Least squares without penalty, the smallest solution where metrics copy each other.",
                alpha=None,
                grid=(),
                least=0.0,
                seeded=False,
                fit=_ols,
            ),
            Solver(
                name="ref_adam",
                title="Reference (Adam)",
                summary="The reference's fit: early-stopped Adam on minus r plus alpha |w|_1. Its sparsity is an "
                "artefact of stopping; results depend on the seed.",
                alpha=1.0,
                grid=(),
                least=0.0,
                seeded=True,
                fit=_ref_adam,
            ),
            Solver(
                name="mlp",
                title="Network (experimental)",
                summary="Eight hidden units with weight decay alpha and a fixed budget of steps; no validation pair "
                "decides when it stops. Results vary with the seed.",
                alpha=1.0,
                grid=(),
                least=0.0,
                seeded=True,
                fit=_mlp,
            ),
        )
    }
)
"""Solvers by name."""


def get_solver(name: str) -> Solver:
    """The solver of that name.

    Raises:
        UnknownNameError: no such solver.
    """
    if name not in SOLVERS:
        raise unknown_name("solver", name, tuple(SOLVERS))
    return SOLVERS[name]


def check_alpha(solver: Solver, alpha: "float | str | None") -> "float | str":
    """The alpha that is used: the solver's own by default, `nested`, or the given number; 0 where it has no part.

    Raises:
        InvalidOptionError: no number, too small, or `nested` for a solver without a grid.
    """
    if alpha is None or solver.alpha is None:
        return solver.alpha or 0.0
    if alpha == NESTED:
        if not solver.grid:
            raise InvalidOptionError(f"alpha can be nested for lasso and ridge; {solver.name} has no grid.")
        return NESTED
    if isinstance(alpha, (str, bool)) or not isinstance(alpha, (int, float, np.number)) or not math.isfinite(alpha):
        raise InvalidOptionError(f"alpha must be a number or {NESTED}; found {quoted(alpha)}.")
    if alpha < solver.least:
        hint = "; without a penalty it is ols" if solver.least > 0 else ""
        raise InvalidOptionError(f"alpha of {solver.name} must be at least {solver.least:g}; found {alpha:g}{hint}.")
    return float(alpha)
