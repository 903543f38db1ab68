"""The comparison as a table on the screen: columns, formats, shading against the Ensemble, selected rows."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from mloss_core.evaluation.criteria.choice import IMAGES
from mloss_core.evaluation.criteria.records import CRITERIA
from mloss_core.evaluation.ranking import best_merge, find
from mloss_core.evaluation.rows import EvaluationRow
from ui.formats import plain
from ui.merge.rows import ENSEMBLE

LIMIT = 20.0
"""Differences to the Ensemble of this many points and more have the full shade."""
_STRONGEST = 0.5
_OF_ALL_TASKS = ("average", "difference", "normalised", "worst", "expert_agreement")
"""Columns of figures over all tasks, behind which there are images."""
_ABOVE = {"light": (33, 113, 181), "dark": (96, 165, 230)}
_BELOW = {"light": (217, 95, 2), "dark": (240, 140, 60)}
_SHADED = ("average", "worst", "expert_agreement")
_WIDE, _WIDER, _NARROW = 200, 90, 66


def shade(gap: float, mode: str = "light") -> str:
    """CSS of a cell that is `gap` percentage points from the Ensemble: blue above, orange below, none at zero.

    Args:
        gap: percentage points; NaN and zero have no colour.
        mode: `light` or `dark`.
    """
    if pd.isna(gap) or abs(gap) < 0.05:
        return ""
    red, green, blue = (_ABOVE if gap > 0 else _BELOW)["dark" if mode == "dark" else "light"]
    strength = _STRONGEST * min(1.0, abs(gap) / LIMIT)
    return f"background-color: rgba({red}, {green}, {blue}, {strength:.2f})"


def styled(frame: pd.DataFrame, rows: Sequence[EvaluationRow], tasks: Sequence[str], mode: str = "light") -> Any:
    """The frame of `table_frame` with cells shaded by their difference to the Ensemble, the best merge in bold."""
    ensemble, best = find(rows, ENSEMBLE), best_merge(rows)
    styles = pd.DataFrame("", index=frame.index, columns=frame.columns)
    if ensemble is not None and (ensemble.done or ensemble.criteria):
        reference = frame.iloc[list(rows).index(ensemble)]
        for column in (*tasks, *_SHADED):
            gaps = frame[column] - reference[column]
            styles[column] = [shade(gap, mode) for gap in gaps]
    if best is not None:
        position = list(rows).index(best)
        styles.iloc[position] = [f"{css}; font-weight: bold".lstrip("; ") for css in styles.iloc[position]]
    return frame.style.apply(lambda _: styles, axis=None)


def columns(tasks: Sequence[str], baseline: EvaluationRow | None) -> dict[str, Any]:
    """Headings, formats and help of the table's columns."""
    number, against = st.column_config.NumberColumn, baseline.model if baseline else "the Ensemble"
    percent: dict[str, Any] = {"format": "%.1f", "width": _NARROW}
    return {
        "model": st.column_config.TextColumn("Model", pinned=True, width=_WIDE),
        "average": number("Average", help="Mean of the task accuracies.", **percent),
        "standard_error": number("± SE", help="Standard error of the average, from the number of images.", **percent),
        "difference": number(
            "Difference", format="%+.1f", width=_NARROW, help=f"Average minus that of {against}, in points."
        ),
        "difference_error": number(
            "± paired",
            format="%.2f",
            width=_NARROW,
            help="Standard error of the difference, from the same images: smaller differences than about twice this "
            "are noise.",
        ),
        "normalised": number(
            "Normalised", help="Mean over tasks of accuracy divided by the individual model's accuracy.", **percent
        ),
        "worst": number("Worst", help="Accuracy on the task that comes off worst.", **percent),
        "expert_agreement": number(
            "As expert",
            help=f"{CRITERIA['expert_agreement'].summary} {IMAGES} training images of each task, without labels. "
            f"{CRITERIA['expert_agreement'].weakness}",
            **percent,
        ),
        "expert_agreement_error": number(
            "± SE", help="Standard error of the agreement, from the number of images.", **percent
        ),
        "agreement": number(
            "As Ensemble",
            help="Unlabeled images whose top class is the Ensemble's: alignment to it. "
            f"{CRITERIA['ensemble_agreement'].weakness}",
            format="%.1f",
            width=_WIDER,
        ),
        "kept": number("Kept", help="Moving weights that survive pruning: the realised budget.", **percent),
        **{task: number(task, help=f"Top-1 accuracy on {plain(task)}.", **percent) for task in tasks},
        "variance": number(
            "Variance %²", format="%.0f", width=_NARROW, help="Variance of the task accuracies; smaller is more even."
        ),
        "kl": number(
            "KL",
            format="%.3f",
            width=_NARROW,
            help="KL(Ensemble || model) of the predicted classes, in nats: 0 when they predict alike.",
        ),
        "seconds": number("Seconds", format="%.1f", width=_NARROW, help="Time of the merge, without its evaluation."),
    }


def legend() -> str:
    """What bold and the shading mean, as one line of Markdown."""
    return (
        "In percent. **Bold**: best merge. Shading: :blue-background[above] or :orange-background[below] the Ensemble "
        f"in the same column, full at {LIMIT:.0f} points. Click a figure to see the images behind it."
    )


def selected_keys(event: Any, rows: Sequence[EvaluationRow]) -> tuple[str, ...]:
    """Keys of the rows that a dataframe's selection names; positions beyond the table are ignored."""
    try:
        positions = event["selection"]["rows"]
    except (KeyError, TypeError):
        return ()
    return tuple(rows[place].key for place in positions if 0 <= place < len(rows))


def selected_cell(event: Any, rows: Sequence[EvaluationRow], tasks: Sequence[str]) -> tuple[EvaluationRow, str] | None:
    """The row and the column of a clicked figure that images stand behind; None for other cells."""
    try:
        (place, column), *_ = event["selection"]["cells"]
    except (KeyError, TypeError, ValueError):
        return None
    if not 0 <= place < len(rows) or not (rows[place].done or rows[place].criteria):
        return None
    return (rows[place], column) if column in (*tasks, *_OF_ALL_TASKS) else None


def task_of(row: EvaluationRow, column: str) -> str | None:
    """The task that a figure is of; None for one over all tasks."""
    if column == "worst":
        return min(row.accuracy, key=row.accuracy.__getitem__, default=None)
    return None if column in _OF_ALL_TASKS else column


def visible_columns(frame: pd.DataFrame) -> list[str]:
    """Columns that hold anything; an all-empty column says nothing and takes room.

    Agreement's error stands beside it where it ranks the merges, because there are no accuracies.
    """
    ranked = frame["average"].isna().all() and frame["expert_agreement"].notna().any()
    always = ("model",) if ranked else ("model", "average")
    never = () if ranked else ("expert_agreement_error",)
    return [name for name in frame.columns if name in always or (name not in never and frame[name].notna().any())]
