"""The rows of the comparison: evaluation results as plain records, their differences, and the table in each form."""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mloss_core.recipe import Recipe

ENSEMBLE = "ensemble"
ORDER = ("zero_shot", "merged", "per_task", "ensemble", "individual")
"""Kinds of rows from top to bottom."""
KIND_WORDS = {
    "zero_shot": "Zero-shot",
    "merged": "Merged",
    "per_task": "Merged, one per task",
    "ensemble": "Ensemble",
    "individual": "Individual",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One model of the comparison; fractions throughout, None where there is no such number.

    Args:
        key: what tells rows apart: the recipe's digest, or the baseline's name.
        status: `done`, or what a recipe without result is waiting for.
        accuracy: by task.
        counts: images by task, for standard errors.
        correct: by task, whether each image was classified correctly (image,), for paired differences.
        agreement: share of images whose top class is the Ensemble's; `kl` is KL(ensemble || model) in nats.
        kept: fraction of the moving weights that survive.
        recorded: whether the numbers come from the zoo's model card instead of being measured here.
    """

    key: str
    label: str
    kind: str
    status: str = "done"
    accuracy: Mapping[str, float] = dataclasses.field(default_factory=dict)
    average: float | None = None
    standard_error: float | None = None
    normalised: float | None = None
    variance: float | None = None
    worst: float | None = None
    agreement: float | None = None
    kl: float | None = None
    kept: float | None = None
    seconds: float | None = None
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    correct: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    realised: Mapping[str, float] = dataclasses.field(default_factory=dict)
    recipe: Recipe | None = None
    recorded: bool = False

    @property
    def done(self) -> bool:
        """Whether the row has numbers."""
        return self.average is not None

    def task_error(self, task: str) -> float | None:
        """Standard error of one task's accuracy, from its number of images."""
        if task not in self.accuracy or not self.counts.get(task):
            return None
        share = self.accuracy[task]
        return math.sqrt(share * (1 - share) / self.counts[task])


@dataclasses.dataclass(frozen=True)
class Difference:
    """Average accuracy of one row minus another's, as a fraction.

    Args:
        paired: whether the standard error comes from the same images, which makes it smaller and right; otherwise
            it is the sum of two independent ones, an upper figure.
    """

    value: float
    standard_error: float | None
    paired: bool


def difference(row: Row, other: Row) -> Difference | None:
    """How far `row` is above `other` on average over tasks, with the standard error of that difference.

    Paired: with d_ti = correct_row - correct_other of image i of task t, the difference is the mean over tasks of
    mean_i d_ti and its variance sum_t var_i(d_ti) / n_t / T^2, as `mloss_core.evaluation.paired.compare_rows` has it
    (which needs torch, and a page does not).
    """
    if row.average is None or other.average is None:
        return None
    value = row.average - other.average
    tasks = list(row.accuracy)
    if tasks and all(_pairs(row, other, task) for task in tasks):
        gaps = [row.correct[task].astype(float) - other.correct[task].astype(float) for task in tasks]
        variance = sum(float(gap.var()) / len(gap) for gap in gaps) / len(gaps) ** 2
        return Difference(value, math.sqrt(variance), paired=True)
    if row.standard_error is None or other.standard_error is None:
        return Difference(value, None, paired=False)
    return Difference(value, math.hypot(row.standard_error, other.standard_error), paired=False)


def task_difference(row: Row, other: Row, task: str) -> Difference | None:
    """`difference` on one task alone."""
    if task not in row.accuracy or task not in other.accuracy:
        return None
    value = row.accuracy[task] - other.accuracy[task]
    if _pairs(row, other, task):
        gap = row.correct[task].astype(float) - other.correct[task].astype(float)
        return Difference(value, math.sqrt(float(gap.var()) / len(gap)), paired=True)
    errors = row.task_error(task), other.task_error(task)
    return Difference(value, None if None in errors else math.hypot(*errors), paired=False)


def ordered(rows: Sequence[Row]) -> list[Row]:
    """Rows as the table shows them: Zero-shot, merges from the best down, the Ensembles, Individual.

    Merges go by normalised accuracy; those without figures come after the others, in their own order. Merges that are
    told the task rank among themselves.
    """

    def place(row: Row) -> tuple[int, float, bool]:
        ranked = row.kind in ("merged", "per_task") and row.normalised is not None
        worth = -row.normalised if ranked and row.normalised is not None else math.inf
        return (ORDER.index(row.kind), worth, row.key == "ensemble_features")

    return sorted(rows, key=place)


def best_merge(rows: Sequence[Row]) -> Row | None:
    """The single model with the highest average, the first of equals; merges that are told the task rank apart."""
    merges = [row for row in rows if row.kind == "merged" and row.average is not None]
    return max(merges, key=lambda row: row.average or 0.0) if merges else None


def find(rows: Sequence[Row], key: str | None) -> Row | None:
    """The row with this key."""
    return next((row for row in rows if row.key == key), None)


def table_frame(rows: Sequence[Row], tasks: Sequence[str], baseline: Row | None) -> pd.DataFrame:
    """The comparison in display units: percent, percentage points, percent squared; one row a model."""
    records = []
    for row in rows:
        gap = difference(row, baseline) if baseline is not None and baseline.key != row.key else None
        records.append(
            {
                "model": row.label + _remark(row),
                "average": _percent(row.average),
                "standard_error": _percent(row.standard_error),
                "difference": _percent(gap.value) if gap else None,
                "difference_error": _percent(gap.standard_error) if gap else None,
                **{task: _percent(row.accuracy.get(task)) for task in tasks},
                "normalised": _percent(row.normalised),
                "variance": None if row.variance is None else 1e4 * row.variance,
                "worst": _percent(row.worst),
                "agreement": _percent(row.agreement),
                "kl": row.kl,
                "kept": _percent(row.kept),
                "seconds": row.seconds,
            }
        )
    frame = pd.DataFrame(records)
    numbers = [column for column in frame.columns if column != "model"]
    return frame.astype(dict.fromkeys(numbers, float))


def table_csv(rows: Sequence[Row], tasks: Sequence[str]) -> str:
    """The finished rows as CSV, in fractions, with the recipe as JSON: for machines."""
    records = [
        {
            "model": row.label,
            "kind": row.kind,
            **{task: row.accuracy.get(task) for task in tasks},
            "average": row.average,
            "standard_error": row.standard_error,
            "normalised": row.normalised,
            "variance": row.variance,
            "worst": row.worst,
            "agreement": row.agreement,
            "kl": row.kl,
            "kept_fraction": row.kept,
            "seconds": row.seconds,
            "recipe": json.dumps(row.recipe.to_dict()) if row.recipe else "",
        }
        for row in rows
        if row.done
    ]
    return pd.DataFrame(records).to_csv(index=False)


def table_markdown(rows: Sequence[Row], tasks: Sequence[str]) -> str:
    """The finished rows as a Markdown table in percent, the best merge in bold: for people."""
    best = best_merge(rows)
    head = ["Model", *tasks, "Average", "± SE", "Normalised", "Variance (%²)", "Worst", "Agreement", "Kept"]
    lines = [_markdown_line(head), _markdown_line(["---", *["--:"] * (len(head) - 1)])]
    for row in rows:
        if not row.done:
            continue
        cells = [
            row.label.replace("|", "\\|"),
            *(_one(row.accuracy.get(task)) for task in tasks),
            _one(row.average),
            _one(row.standard_error),
            _one(row.normalised),
            "" if row.variance is None else f"{1e4 * row.variance:.0f}",
            _one(row.worst),
            _one(row.agreement),
            _one(row.kept),
        ]
        is_best = best is not None and row.key == best.key
        lines.append(_markdown_line([f"**{cell}**" if is_best and cell else cell for cell in cells]))
    return "\n".join(lines) + "\n"


def _remark(row: Row) -> str:
    if row.recorded:
        return " (recorded)"
    return "" if row.done else f" ({row.status})"


def _pairs(row: Row, other: Row, task: str) -> bool:
    ours, theirs = row.correct.get(task), other.correct.get(task)
    return ours is not None and theirs is not None and len(ours) == len(theirs) > 0


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction


def _one(fraction: float | None) -> str:
    return "" if fraction is None else f"{100 * fraction:.1f}"


def _markdown_line(cells: Sequence[Any]) -> str:
    return f"| {' | '.join(map(str, cells))} |"
