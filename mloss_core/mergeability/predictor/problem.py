"""One question put to a table: which rows and metrics can be used, for which target; every omission has its reason."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from mloss_core.errors import InvalidOptionError, unknown_name
from mloss_core.mergeability.predictor.columns import AFTER_MERGING, MLOSS_COLUMNS, PAIR, REFERENCE_METHODS
from mloss_core.mergeability.predictor.effects import seen_effects
from mloss_core.mergeability.predictor.metric_choice import metric_names
from mloss_core.mergeability.predictor.protocols import Fold, PairRows, pair_rows
from mloss_core.mergeability.predictor.tables import PairTable, as_table
from mloss_core.mergeability.predictor.targets import Target, individual_accuracies, read_target, sides
from mloss_core.wording import listing

ROWS = ("common", "own")
"""`common`: pairs where all of the reference's methods that the table has were measured, so that methods compare on the
same pairs, as the reference does; `own`: pairs where the target was measured."""
_MOST_MISSING = 0.5


@dataclasses.dataclass(frozen=True)
class Problem:
    """Usable rows and metrics of a table for one target.

    Args:
        target: what is predicted, with one value a row.
        metrics: names of the columns of `values`, float (row, metric); NaN only where missing cells are filled.
        rows: which tasks each row pairs.
        individual: accuracy of each row's two tasks' own models, or None.
        mloss: values of M-Loss as a column of the table, or None.
        agreement: of the averaged pair with its experts, measured after a merge, or None.
        dropped: metrics that cannot be used, each with its reason.
        notes: what was left out or mended, in sentences.
    """

    target: Target
    metrics: tuple[str, ...]
    values: np.ndarray
    rows: PairRows
    individual: tuple[np.ndarray, np.ndarray] | None
    mloss: np.ndarray | None
    agreement: np.ndarray | None
    dropped: Mapping[str, str]
    notes: tuple[str, ...]

    @property
    def indicator(self) -> np.ndarray:
        """Places of metrics with missing cells, which get an indicator column."""
        return np.flatnonzero(np.isnan(self.values).any(axis=0))

    def measured(self, fold: Fold) -> tuple[np.ndarray, np.ndarray]:
        """Target of the training and validation rows of a fold.

        For the interaction residual, effects of tasks come from training rows alone. The effect of the task that is
        left out is the same in all rows of its fold, and is taken to make their mean 0: no correlation depends on it.
        """
        values = self.target.values
        if self.target.kind != "residual":
            return values[fold.train], values[fold.validate]
        effects = seen_effects(self.rows.only(fold.train), values[fold.train])
        both = effects[self.rows.first] + effects[self.rows.second]
        known = np.nan_to_num(effects[self.rows.first]) + np.nan_to_num(effects[self.rows.second])
        left = (values - known)[fold.validate]
        return (values - both)[fold.train], left - left.mean()

    def with_metrics(self, names: Sequence[str]) -> "Problem":
        """The same rows with some of the metrics."""
        places = [self.metrics.index(name) for name in names]
        return dataclasses.replace(self, metrics=tuple(names), values=self.values[:, places])

    def with_tasks(self, tasks: Sequence[str]) -> "Problem":
        """The rows that hold none but these tasks."""
        keep = self.rows.within(np.array([self.rows.tasks.index(task) for task in tasks]))
        names = np.array(self.rows.tasks, dtype=object)
        pairs = np.stack([names[self.rows.first[keep]], names[self.rows.second[keep]]], axis=1)
        return dataclasses.replace(
            self,
            target=dataclasses.replace(self.target, values=self.target.values[keep]),
            values=self.values[keep],
            rows=pair_rows(pairs),
            individual=None if self.individual is None else (self.individual[0][keep], self.individual[1][keep]),
            mloss=None if self.mloss is None else self.mloss[keep],
            agreement=None if self.agreement is None else self.agreement[keep],
        )


def prepare(
    frame: "pd.DataFrame | PairTable",
    metrics: "str | Sequence[str] | None",
    target: str,
    *,
    rows: str = "common",
    impute: bool = False,
    individual: Mapping[str, float] | None = None,
) -> Problem:
    """The usable rows and metrics of a table.

    Args:
        frame: pairs, see `check_table`.
        metrics: names, a set, or None for every metric of the table: see `metric_names`.
        target: a column, or `worst_M`, `residual_M` of a method M.
        rows: a key of `ROWS`.
        impute: keep rows with missing metrics: the training median stands in, and a column says where.
        individual: accuracy of each task's own model; by default what the table holds or determines.

    Raises:
        InvalidOptionError, UnknownNameError: a table, target or metric that cannot be used.
    """
    if rows not in ROWS:
        raise unknown_name("choice of rows", rows, ROWS)
    table = as_table(frame)
    known = individual if individual is not None else individual_accuracies(table)
    goal = read_target(table, target, known)
    names, remarks = metric_names(table, metrics, target)
    notes = [*table.notes, *remarks]
    use = _rows_with_target(table, goal, rows, notes)
    values = table.frame[list(names)].to_numpy(float)
    kept, dropped = _usable(names, values[use], impute, notes)
    values = values[:, [names.index(name) for name in kept]]
    if not impute:
        use &= _whole_rows(table, kept, values, use, notes)
    if not use.any():
        raise InvalidOptionError(f"no pair of the table has {target} and all chosen metrics; leave metrics out.")
    return Problem(
        target=dataclasses.replace(goal, values=goal.values[use]),
        metrics=kept,
        values=values[use],
        rows=pair_rows(table.frame.loc[use, list(PAIR)].to_numpy()),
        individual=_individual(table, known, use),
        mloss=_column(table, MLOSS_COLUMNS, use, target),
        agreement=_column(table, AFTER_MERGING, use, target),
        dropped=dropped,
        notes=tuple(notes),
    )


def _rows_with_target(table: PairTable, target: Target, rows: str, notes: list[str]) -> np.ndarray:
    use = np.isfinite(target.values)
    if not use.all():
        notes.append(f"{_count(int((~use).sum()))} without {target.name}: left out.")
    if rows == "own" or target.method not in REFERENCE_METHODS:
        return use
    columns = [_measured_column(table, method) for method in REFERENCE_METHODS]
    common = np.isfinite(table.frame[[name for name in columns if name]].to_numpy(float)).all(axis=1)
    if (use & ~common).any():
        notes.append(
            f"{_count(int((use & ~common).sum()))} where another method was not measured: left out, so that methods "
            "compare on the same pairs (rows own keeps them)."
        )
    return use & common


def _measured_column(table: PairTable, method: str) -> str | None:
    return next((name for name in (f"acc_{method}", f"normacc_{method}") if name in table.numbers), None)


def _usable(
    names: Sequence[str], values: np.ndarray, impute: bool, notes: list[str]
) -> tuple[tuple[str, ...], dict[str, str]]:
    """Metrics that can be used, and why the others cannot."""
    dropped = {}
    for place, name in enumerate(names):
        column = values[:, place]
        present = column[np.isfinite(column)]
        missing = 1 - len(present) / max(1, len(column))
        if not len(present):
            dropped[name] = "it is missing for every pair"
        elif missing > _MOST_MISSING and not impute:
            dropped[name] = f"it is missing for {100 * missing:.0f} % of the pairs"
        elif np.ptp(present) == 0:
            dropped[name] = "it is the same for every pair"
    notes += [f"metric {name} is not used: {reason}." for name, reason in dropped.items()]
    kept = tuple(name for name in names if name not in dropped)
    if not kept:
        raise InvalidOptionError(
            f"no metric can be used: {'; '.join(f'{name}: {reason}' for name, reason in list(dropped.items())[:3])}."
        )
    return kept, dropped


def _whole_rows(
    table: PairTable, names: Sequence[str], values: np.ndarray, use: np.ndarray, notes: list[str]
) -> np.ndarray:
    """Rows without a missing metric, with a note on the others."""
    missing = np.isnan(values)
    whole = ~missing.any(axis=1)
    lost = use & ~whole
    if lost.any():
        which = listing([names[int(place)] for place in np.flatnonzero(missing[lost].any(axis=0))])
        first = table.frame.loc[np.flatnonzero(lost)[0], list(PAIR)]
        pair = f"{first['task_a']} with {first['task_b']}"
        more = "" if lost.sum() == 1 else f" and {int(lost.sum()) - 1} more"
        notes.append(f"{_count(int(lost.sum()))} without {which}: left out ({pair}{more}).")
    return whole


def _count(pairs: int) -> str:
    return "1 pair" if pairs == 1 else f"{pairs} pairs"


def _individual(
    table: PairTable, known: Mapping[str, float] | None, use: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    if known is None:
        return None
    first, second = (side[use] for side in sides(table, known))
    return (first, second) if np.isfinite(first + second).all() else None


def _column(table: PairTable, names: Sequence[str], use: np.ndarray, target: str) -> np.ndarray | None:
    """The first of these columns that the table has, where it says something for every row."""
    for name in names:
        if name in table.numbers and name != target:
            values = table.frame[name].to_numpy(float)[use]
            return values if np.isfinite(values).all() and np.ptp(values) > 0 else None
    return None
