"""The order of rows in a table, and which of them is the best merge."""

import math
from collections.abc import Sequence

from mloss_core.evaluation.rows import EvaluationRow

ORDER = ("zero_shot", "merged", "per_task", "ensemble", "individual")
"""Kinds of rows from top to bottom."""


def ordered(rows: Sequence[EvaluationRow]) -> list[EvaluationRow]:
    """Rows as a table shows them: Zero-shot, merges from the best down, the Ensembles, Individual.

    Merges go by normalised accuracy, where no row has one by agreement with the own experts; those without figures come
    after the others, in their own order. Merges that are told the task rank among themselves.
    """
    accurate = any(row.normalised is not None for row in rows)

    def place(row: EvaluationRow) -> tuple[int, float, bool]:
        value = row.normalised if accurate else row.expert_agreement
        worth = math.inf if value is None or row.kind not in ("merged", "per_task") else -value
        return (ORDER.index(row.kind), worth, row.key == "ensemble_features")

    return sorted(rows, key=place)


def best_merge(rows: Sequence[EvaluationRow]) -> EvaluationRow | None:
    """The single model with the highest average, the first of equals; merges that are told the task rank apart.

    Where no merge has an average, it is the one that agrees most with the own experts.
    """
    merges = [row for row in rows if row.kind == "merged"]
    for name in ("average", "expert_agreement"):
        worth = [(row, value) for row in merges if (value := getattr(row, name)) is not None]
        if worth:
            return max(worth, key=lambda pair: pair[1])[0]
    return None


def find(rows: Sequence[EvaluationRow], key: str | None) -> EvaluationRow | None:
    """The row with this key."""
    return next((row for row in rows if row.key == key), None)
