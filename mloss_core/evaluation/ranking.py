"""The order of rows in a table, and which of them is the best merge."""

import math
from collections.abc import Sequence

from mloss_core.evaluation.rows import EvaluationRow

ORDER = ("zero_shot", "merged", "per_task", "ensemble", "individual")
"""Kinds of rows from top to bottom."""


def ordered(rows: Sequence[EvaluationRow]) -> list[EvaluationRow]:
    """Rows as a table shows them: Zero-shot, merges from the best down, the Ensembles, Individual.

    Merges go by normalised accuracy; those without figures come after the others, in their own order. Merges that are
    told the task rank among themselves.
    """

    def place(row: EvaluationRow) -> tuple[int, float, bool]:
        ranked = row.kind in ("merged", "per_task") and row.normalised is not None
        worth = -row.normalised if ranked and row.normalised is not None else math.inf
        return (ORDER.index(row.kind), worth, row.key == "ensemble_features")

    return sorted(rows, key=place)


def best_merge(rows: Sequence[EvaluationRow]) -> EvaluationRow | None:
    """The single model with the highest average, the first of equals; merges that are told the task rank apart."""
    merges = [row for row in rows if row.kind == "merged" and row.average is not None]
    return max(merges, key=lambda row: row.average or 0.0) if merges else None


def find(rows: Sequence[EvaluationRow], key: str | None) -> EvaluationRow | None:
    """The row with this key."""
    return next((row for row in rows if row.key == key), None)
