"""Stored coefficients of another project's fits, held against a table again."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mloss_core.errors import InvalidOptionError, quoted
from mloss_core.mergeability.predictor.problem import prepare
from mloss_core.mergeability.predictor.protocols import PROTOCOLS
from mloss_core.mergeability.predictor.scaling import fit_scaler
from mloss_core.mergeability.predictor.scores import Scores, score
from mloss_core.mergeability.predictor.tables import PairTable, as_table
from mloss_core.parsing import parse_object, read_text


def replay(
    frame: "pd.DataFrame | PairTable",
    target: str,
    coefficients: Mapping[str, Mapping[str, float]],
    *,
    rows: str = "common",
) -> Scores:
    """Scores that stored coefficients have when each task is left out: the reference's own figures come out again.

    Args:
        frame: pairs, see `check_table`; rows: see `prepare`. Pairs without one of the 28 metrics have no part.
        target: a column of the table.
        coefficients: for each task left out, the coefficient of each metric, as fitted to metrics that are scaled to
            [-1, 1] by the training rows. They need no intercept and no scale, so `pooled` and `lost` mean little.

    Raises:
        InvalidOptionError: a task or metric that the table does not have.
    """
    table = as_table(frame)
    names = tuple(dict.fromkeys(name for weights in coefficients.values() for name in weights))
    problem = prepare(table, names, target, rows=rows)
    if problem.dropped:
        raise InvalidOptionError(
            f"stored coefficients need every metric; {next(iter(problem.dropped))} cannot be used."
        )
    folds, guesses, measured = [], [], []
    for fold in PROTOCOLS["loto"].split(problem.rows, 0, 0):
        if fold.label not in coefficients:
            continue
        known, truth = problem.measured(fold)
        scaler = fit_scaler(problem.values[fold.train], known)
        weights = np.array([float(coefficients[fold.label].get(name, 0.0)) for name in problem.metrics])
        folds.append((fold.label, len(fold.train), fold.validate))
        guesses.append(scaler.columns(problem.values[fold.validate]) @ weights)
        measured.append(truth)
    if len(folds) < len(coefficients):
        unknown = next(task for task in coefficients if task not in problem.rows.tasks)
        raise InvalidOptionError(f"stored coefficients name a task that the table lacks: {quoted(unknown)}.")
    return score(folds, guesses, measured)


def read_coefficients(path: str | Path) -> dict[str, dict[str, float]]:
    """Stored coefficients of a JSON file: {task left out: {metric: coefficient}}, or the reference's own files.

    The reference's hold a list `fold_results` of records with `held_out_task` and `coefficients`; all else is ignored.

    Raises:
        InvalidOptionError: it cannot be read, or holds something else.
    """
    what = f"the file of coefficients {path}"
    values = parse_object(read_text(path, "file of coefficients"), what)
    folds = values.get("fold_results", values)
    if isinstance(folds, list):
        folds = {_field(fold, "held_out_task", what): _field(fold, "coefficients", what) for fold in folds}
    return {str(task): _weights(weights, what) for task, weights in folds.items()}


def _field(fold: Any, name: str, what: str) -> Any:
    if not isinstance(fold, dict) or name not in fold or (name == "held_out_task" and not isinstance(fold[name], str)):
        raise InvalidOptionError(f"{what}: every record of fold_results must hold held_out_task and coefficients.")
    return fold[name]


def _weights(values: Any, what: str) -> dict[str, float]:
    if not isinstance(values, dict) or not values:
        raise InvalidOptionError(f"{what} must hold coefficients by metric for each task; found {quoted(values, 40)}.")
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
            raise InvalidOptionError(f"{what}: the coefficient of {quoted(name)} must be a number; found {value!r}.")
    return {name: float(value) for name, value in values.items()}
