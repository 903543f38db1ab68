"""From the M-Loss of a layer's nodes to the fraction of each node's weights that is kept.

NumPy alone, so that a page can redraw a keep-rate profile at every move of a slider.
"""

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from mloss_core.errors import InvalidOptionError, unknown_name

if TYPE_CHECKING:
    from torch import Tensor

SCHEDULES = {"one_sided": (0.0, 1.0), "symmetric": (1.0, 2.0), "budget_preserving": (0.5, 1.0)}
"""Multiples (a, b) of the span in `keep_rate + a span - b span position`."""
_LOG_OFFSET = 1e-6


def keep_rate_profile(
    scores: Any,
    keep_rate: float,
    span: float,
    ranking: str = "rank",
    schedule: str = "one_sided",
    *,
    seed: int = 0,
    key: str = "",
) -> np.ndarray:
    """Keep rate of every row, from the M-Loss of its node.

    Each score becomes a position in [0, 1] (`ranking`; 0 is the least conflicted node), and the position a keep rate:

        one_sided          keep_rate - span * position
        symmetric          keep_rate + span - 2 * span * position
        budget_preserving  keep_rate + span / 2 - span * position

    cut to [0, 1]. Controls: `reversed` spares the most conflicted nodes, `random` shuffles the ranks by (seed, key),
    `uniform` gives every row the mean of the rates that `rank` would give (a merge that trims keeps the same number of
    entries in all), `none` gives every row `keep_rate`.

    Args:
        scores: M-Loss of the nodes, (rows,); for random, uniform and none only their number counts.
        keep_rate: fraction kept in the least conflicted row (papers' k).
        span: how far the keep rate falls from the least to the most conflicted row (papers' e).
        ranking: a name of `RANKINGS`.
        schedule: a name of `SCHEDULES`.
        seed: of the random ranking, together with `key`, the name of the tensor.

    Returns:
        float64 (rows,), each in [0, 1].

    Raises:
        UnknownNameError: no such ranking or schedule.
        InvalidOptionError: scores that are not a vector of finite numbers.

    Example:
        >>> keep_rate_profile([3.0, 1.0, 2.0], 0.8, 0.2).round(6).tolist()
        [0.6, 0.8, 0.7]
    """
    if ranking not in RANKINGS:
        raise unknown_name("ranking", ranking, RANKINGS)
    if schedule not in SCHEDULES:
        raise unknown_name("schedule", schedule, tuple(SCHEDULES))
    values = _checked(scores)
    raised, slope = SCHEDULES[schedule]
    if ranking == "none":
        raised = slope = 0.0
    rates = np.clip(keep_rate + raised * span - slope * span * _POSITIONS[ranking](values, seed, key), 0.0, 1.0)
    return np.full_like(rates, rates.mean()) if ranking == "uniform" else rates


def keep_rates(
    scores: Any,
    keep_rate: float,
    span: float,
    ranking: str = "rank",
    schedule: str = "one_sided",
    *,
    seed: int = 0,
    key: str = "",
) -> "Tensor":
    """`keep_rate_profile` of a tensor or array of scores, as a float64 tensor (rows,) on the CPU."""
    import torch

    plain = scores.detach().cpu().double().numpy() if isinstance(scores, torch.Tensor) else scores
    return torch.from_numpy(keep_rate_profile(plain, keep_rate, span, ranking, schedule, seed=seed, key=key))


def _checked(scores: Any) -> np.ndarray:
    values = np.asarray(scores, dtype=np.float64)
    if values.ndim != 1 or not values.size:
        raise InvalidOptionError(f"scores must be a vector, one number a row; found shape {values.shape}.")
    wrong = np.flatnonzero(~np.isfinite(values))
    if wrong.size:
        raise InvalidOptionError(f"scores must be finite; row {wrong[0]} is {values[wrong[0]]}. Measure M-Loss again.")
    return values


def _rank(values: np.ndarray, seed: int = 0, key: str = "") -> np.ndarray:
    """Place in ascending order over (rows - 1), equal values by row; a single row stands at 0."""
    ranks = np.empty(values.size)
    ranks[np.argsort(values, kind="stable")] = np.arange(values.size)
    return ranks / max(values.size - 1, 1)


def _random(values: np.ndarray, seed: int, key: str) -> np.ndarray:
    state = int.from_bytes(hashlib.sha256(f"ranking:{seed}:{key}".encode()).digest()[:16], "little")
    return _rank(np.random.Generator(np.random.PCG64(state)).random(values.size))


def _minmax(values: np.ndarray, seed: int = 0, key: str = "") -> np.ndarray:
    """(value - least) / (largest - least); all 0 where all are equal."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.zeros_like(values)


def _minmax_log(values: np.ndarray, seed: int, key: str) -> np.ndarray:
    if values.min() < 0:
        raise InvalidOptionError(f"minmax_log needs scores of at least 0, as M-Loss is; found {values.min():g}.")
    return _minmax(np.log(values + _LOG_OFFSET))


def _robust(values: np.ndarray, seed: int, key: str) -> np.ndarray:
    """Min-max of (value - median) / interquartile range; all 0 where that range is 0."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return _minmax((values - middle) / (high - low)) if high > low else np.zeros_like(values)


_POSITIONS: dict[str, Callable[[np.ndarray, int, str], np.ndarray]] = {
    "rank": _rank,
    "reversed": lambda values, seed, key: _rank(-values),
    "random": _random,
    "minmax": _minmax,
    "minmax_log": _minmax_log,
    "robust": _robust,
    # The ranks in order, whatever the scores: their mean is then the same to the last bit.
    "uniform": lambda values, seed, key: _rank(np.arange(values.size)),
    "none": lambda values, seed, key: np.zeros_like(values),
}
RANKINGS = ("rank", "reversed", "random", "uniform", "none", "minmax", "minmax_log", "robust")
"""How scores become positions in [0, 1]; the second to fifth are controls, the last three the published variants."""
WITHOUT_SCORES = ("random", "uniform", "none")
"""Rankings for which only the number of rows counts, so that nothing need be measured."""
