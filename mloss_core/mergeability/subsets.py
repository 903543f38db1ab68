"""Which tasks to merge: the set of a size whose pairs promise most. NumPy alone, for pages."""

import itertools
import math

import numpy as np
from numpy.typing import NDArray

_MOST = 200_000
"""Sets up to which all are tried; beyond, the best pair grows task by task and then trades tasks."""


def set_score(scores: NDArray[np.float64], members: tuple[int, ...]) -> float:
    """Mean score of a set's pairs; NaN where a pair has none.

    Args:
        scores: (task, task), symmetric; the diagonal does not matter.
        members: at least two places.
    """
    return float(np.mean([scores[a, b] for a, b in itertools.combinations(members, 2)]))


def best_set(scores: NDArray[np.float64], size: int) -> tuple[int, ...] | None:
    """The set of a size with the highest mean score of its pairs; None where no set has a score for all its pairs.

    All sets are tried while there are at most 200,000 of them, in a fixed order, the first of equals; of more, the best
    pair is extended and then improved by trading one task at a time.

    Args:
        scores: (task, task), symmetric, higher is better; NaN where a pair has none.
        size: from 2 to the number of tasks.
    """
    count = len(scores)
    lost = np.where(np.isfinite(scores), scores, -np.inf)
    np.fill_diagonal(lost, 0.0)
    found = _all_tried(lost, size) if math.comb(count, size) <= _MOST else _traded(lost, size)
    return found if found is not None and np.isfinite(set_score(lost, found)) else None


def _all_tried(scores: NDArray[np.float64], size: int) -> tuple[int, ...] | None:
    best, found = -np.inf, None
    every = itertools.combinations(range(len(scores)), size)
    while chunk := list(itertools.islice(every, 20_000)):
        sets = np.array(chunk)
        sums = sum(scores[sets[:, i], sets[:, j]] for i, j in itertools.combinations(range(size), 2))
        place = int(np.argmax(sums))
        if sums[place] > best:
            best, found = float(sums[place]), tuple(int(one) for one in sets[place])
    return found


def _traded(scores: NDArray[np.float64], size: int) -> tuple[int, ...]:
    upper = np.where(np.triu(np.ones_like(scores, dtype=bool), 1), scores, -np.inf)
    members = [int(one) for one in np.unravel_index(int(np.argmax(upper)), scores.shape)]
    while len(members) < size:
        members.append(max((t for t in range(len(scores)) if t not in members), key=lambda t: scores[t, members].sum()))
    improved = True
    while improved:
        improved = False
        for place, task in itertools.product(range(size), range(len(scores))):
            trial = [*members[:place], task, *members[place + 1 :]]
            if task not in members and set_score(scores, tuple(trial)) > set_score(scores, tuple(members)) + 1e-15:
                members, improved = trial, True
    return tuple(sorted(members))
