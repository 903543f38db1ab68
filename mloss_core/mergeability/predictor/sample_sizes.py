"""How a predictor's headline depends on seeds and on the number of tasks that were measured."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from mloss_core.mergeability.predictor.problem import Problem
from mloss_core.mergeability.predictor.validation import validate
from mloss_core.types import Progress, silent

if TYPE_CHECKING:
    import pandas


def stability(
    problem: Problem,
    protocol: str = "loto",
    solver: str = "lasso",
    *,
    alpha: "float | str | None" = None,
    sizes: Sequence[int] | None = None,
    seeds: Sequence[int] = tuple(range(5)),
    progress: Progress = silent,
) -> "pandas.DataFrame":
    """How the headline depends on seeds and on the number of tasks.

    Args:
        problem: rows and metrics.
        sizes: numbers of tasks; by default five from 6 to all of them.
        seeds: each draws its own tasks, and seeds the splits and the solver.

    Returns:
        One row a size and seed: tasks, seed, pairs, headline. With all tasks, only what is seeded differs.
    """
    import pandas

    total = len(problem.rows.tasks)
    wanted = sizes or sorted({int(size) for size in np.linspace(min(6, total), total, 5).round()})
    found = []
    for step, (size, seed) in enumerate((size, seed) for size in wanted for seed in seeds):
        progress(step / (len(wanted) * len(seeds)), f"{size} tasks")
        order = np.random.default_rng(seed).permutation(total)[:size]
        chosen = problem if size == total else problem.with_tasks([problem.rows.tasks[i] for i in sorted(order)])
        result = validate(chosen, protocol, solver, alpha=alpha, seed=seed, beside=False)
        found.append((size, seed, len(chosen.target.values), result.headline))
    return pandas.DataFrame(found, columns=["tasks", "seed", "pairs", "headline"])
