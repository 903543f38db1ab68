"""Whether some metrics add to all the others: cross-validation with and without them, and with their tasks renamed."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from mloss_core.errors import InvalidOptionError
from mloss_core.mergeability.predictor.ablation import paired_change
from mloss_core.mergeability.predictor.metrics_alone import renamed_rows
from mloss_core.mergeability.predictor.problem import Problem
from mloss_core.mergeability.predictor.results import CrossValidation
from mloss_core.mergeability.predictor.scaling import medians
from mloss_core.mergeability.predictor.validation import validate
from mloss_core.types import Progress, silent


@dataclasses.dataclass(frozen=True)
class AddedValue:
    """What some metrics add to others.

    Args:
        without, with_them: headline of the fit without and with them; change: the difference.
        standard_error: of the change, from paired differences of folds.
        p: share of renamings of their tasks in which they add at least as much: metrics of unrelated tasks add nothing
            but the chance to fit. permutations: number of renamings.
    """

    without: float
    with_them: float
    change: float
    standard_error: float
    p: float
    permutations: int


def added_value(
    problem: Problem,
    added: Sequence[str],
    protocol: str = "loto",
    solver: str = "lasso",
    *,
    alpha: "float | str | None" = None,
    permutations: int = 99,
    seed: int = 0,
    splits: int = 20,
    progress: Progress = silent,
) -> AddedValue:
    """Whether some metrics of a problem add to all its others, by cross-validation with and without them.

    Raises:
        InvalidOptionError: no metric of that name, or none besides.
    """
    rest = [name for name in problem.metrics if name not in added]
    if not set(added) <= set(problem.metrics) or not added or not rest:
        raise InvalidOptionError("what metrics add is asked of some metrics of the table, besides others.")

    def fit(one: Problem) -> CrossValidation:
        return validate(one, protocol, solver, alpha=alpha, seed=seed, splits=splits, beside=False)

    base, full = fit(problem.with_metrics(rest)), fit(problem)
    change, error = paired_change(full, base)
    generator = np.random.default_rng(seed)
    places = [problem.metrics.index(name) for name in added]
    as_large = 0
    for turn in range(permutations):
        progress(turn / permutations, "renaming tasks")
        values = problem.values.copy()
        source = renamed_rows(problem.rows, generator)
        renamed = values[np.maximum(source, 0)][:, places]
        values[:, places] = np.where(source[:, None] >= 0, renamed, medians(values[:, places]))
        shuffled = fit(dataclasses.replace(problem, values=values))
        as_large += shuffled.headline - base.headline >= change - 1e-12
    p = (1 + as_large) / (permutations + 1)
    return AddedValue(base.headline, full.headline, change, error, p, permutations)
