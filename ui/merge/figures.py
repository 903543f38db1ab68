"""Figures of the Merge page: accuracy by task, and the strip of blocks."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mloss_core.evaluation.paired import task_difference
from mloss_core.evaluation.rows import EvaluationRow
from mloss_core.vision.architecture import scored_weight
from ui import formats, theme

MAX_BARS = 8
"""More rows than this side by side cannot be told apart."""
_MERGE_COLOURS = [theme.CATEGORY[index] for index in (0, 3, 4, 5, 6, 7, 9)]


def task_bars(rows: Sequence[EvaluationRow], tasks: Sequence[str], height: int = 380) -> go.Figure:
    """Accuracy of each row on each task, with binomial standard errors."""
    fig = theme.figure("Accuracy by task", y="Top-1 accuracy, %", height=height)
    for row, colour in zip(rows[:MAX_BARS], _colours(rows), strict=False):
        values = [row.accuracy.get(task) for task in tasks]
        fig.add_bar(
            name=row.model,
            x=list(tasks),
            y=[None if value is None else 100 * value for value in values],
            marker_color=colour,
            error_y=_errors([row.task_error(task) for task in tasks]),
            hovertemplate=f"{row.model} on %{{x}}: %{{y:.1f}} ± %{{error_y.array:.1f}} %<extra></extra>",
        )
    fig.update_layout(barmode="group", bargap=0.2, bargroupgap=0.05)
    fig.update_yaxes(range=[0, 100])
    fig.update_xaxes(showgrid=False)
    return fig


def gap_bars(
    rows: Sequence[EvaluationRow], baseline: EvaluationRow, tasks: Sequence[str], height: int = 300
) -> go.Figure:
    """Accuracy of each row minus the baseline's, by task, with the standard error of that difference."""
    fig = theme.figure(f"Difference to {baseline.model} by task", y="Points", height=height)
    for row, colour in zip(rows[:MAX_BARS], _colours(rows), strict=False):
        gaps = [task_difference(row, baseline, task) for task in tasks]
        fig.add_bar(
            name=row.model,
            x=list(tasks),
            y=[None if gap is None else 100 * gap.value for gap in gaps],
            marker_color=colour,
            error_y=_errors([None if gap is None else gap.standard_error for gap in gaps]),
            hovertemplate=f"{row.model} on %{{x}}: %{{y:+.1f}} ± %{{error_y.array:.1f}} points<extra></extra>",
        )
    fig.update_layout(barmode="group", bargap=0.2, bargroupgap=0.05)
    fig.add_hline(y=0, line={"color": theme.INK, "width": 1})
    fig.update_xaxes(showgrid=False)
    return fig


def realised_lines(rows: Sequence[EvaluationRow], layers: int, height: int = 280) -> go.Figure:
    """What each merge really kept in the scored layer of every block."""
    fig = theme.figure("Kept in the scored layer of each block", x="Block", y="Weights kept, %", height=height)
    for row, colour in zip(rows[:MAX_BARS], _colours(rows), strict=False):
        kept = [row.realised.get(scored_weight(block)) for block in range(layers)]
        fig.add_scatter(
            name=row.model,
            x=list(range(layers)),
            y=[None if share is None else 100 * share for share in kept],
            mode="lines+markers",
            line={"color": colour, "width": 1.5},
            marker={"color": colour, "size": 6},
            hovertemplate=f"{row.model}, block %{{x}}: %{{y:.1f}} % kept<extra></extra>",
        )
    fig.update_xaxes(tickmode="linear", dtick=1 if layers <= 12 else 2, showgrid=False)
    fig.update_yaxes(range=[0, 103])
    return fig


def bars_sentence(rows: Sequence[EvaluationRow], tasks: Sequence[str]) -> str:
    """The message of `task_bars` in words, for its alternative text."""
    spans = []
    for row in rows[:MAX_BARS]:
        values = {task: row.accuracy[task] for task in tasks if task in row.accuracy}
        if values:
            low, high = min(values, key=values.__getitem__), max(values, key=values.__getitem__)
            spans.append(
                f"{row.model} from {formats.percent(values[low])} on {low} to {formats.percent(values[high])} on {high}"
            )
    return f"Accuracy by task: {'; '.join(spans)}."


def block_strip(layers: int, chosen: Sequence[int], mloss: Mapping[int, float] | None, height: int = 66) -> go.Figure:
    """One square a block, coloured by its M-Loss where known; blocks that are not chosen are veiled."""
    fig = theme.figure("", height=height)
    blocks, picked = list(range(layers)), set(chosen)
    values = [mloss.get(block, np.nan) for block in blocks] if mloss else [np.nan] * layers
    fig.add_heatmap(
        z=[values], x=blocks, y=[0], colorscale=theme.SEQUENTIAL, showscale=False, xgap=2, ygap=0, hoverinfo="skip"
    )
    for block in blocks:
        if block not in picked:
            fig.add_shape(
                type="rect",
                x0=block - 0.5,
                x1=block + 0.5,
                y0=-0.5,
                y1=0.5,
                layer="above",
                line={"width": 0},
                fillcolor=theme.GROUND,
                opacity=0.75,
            )
    words = [_block_words(block, block in picked, mloss) for block in blocks]
    fig.add_trace(theme.click_layer(blocks, [0] * layers, words, blocks, size=max(10, 260 // layers)))
    fig.update_layout(margin={"l": 0, "r": 0, "t": 4, "b": 20}, title=None)
    fig.update_xaxes(
        tickmode="array",
        tickvals=blocks,
        ticks="",
        showgrid=False,
        title=None,
        range=[-0.5, layers - 0.5],
        ticktext=[f"<b>{block}</b>" if block in picked else str(block) for block in blocks],
        fixedrange=True,
    )
    fig.update_yaxes(visible=False, fixedrange=True)
    return fig


def toggled(chosen: Sequence[int], block: int, layers: int) -> list[int]:
    """The chosen blocks with one added, or taken out if it was there; a block that does not exist changes nothing."""
    if not 0 <= block < layers:
        return sorted(chosen)
    return sorted(set(chosen) ^ {block})


def _colours(rows: Sequence[EvaluationRow]) -> list[str]:
    """A colour a row: baselines have their own everywhere, merges take turns."""
    colours, merges = [], 0
    for row in rows:
        if row.kind in ("merged", "per_task"):
            colours.append(_MERGE_COLOURS[merges % len(_MERGE_COLOURS)])
            merges += 1
        else:
            colours.append(theme.MUTED if row.key == "ensemble_features" else theme.role_colour(row.kind))
    return colours


def _errors(fractions: Sequence[float | None]) -> dict[str, Any]:
    array = [None if error is None else 100 * error for error in fractions]
    return {"type": "data", "array": array, "thickness": 1, "width": 2, "color": theme.INK}


def _block_words(block: int, picked: bool, mloss: Mapping[int, float] | None) -> str:
    value = f", M-Loss {formats.engineering(mloss[block])}" if mloss and block in mloss else ""
    return f"Block {block}{value}<br>{'chosen: click to leave out' if picked else 'click to choose'}"
