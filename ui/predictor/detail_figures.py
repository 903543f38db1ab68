"""Figures of the Predictor page's tabs: coefficients, ablations, metrics alone, choosing, and how steady it is."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go

from mloss_core.mergeability.predictor.ablation import Ablation
from mloss_core.mergeability.predictor.baselines import BASELINES
from mloss_core.mergeability.predictor.columns import category_title, title
from mloss_core.mergeability.predictor.metrics_alone import SingleMetric
from mloss_core.mergeability.predictor.results import CrossValidation
from ui import theme
from ui.predictor.controls import Unit
from ui.predictor.figures import BASELINE_COLOURS, LEGEND_LINE, LEGEND_TOP
from ui.predictor.words import number

if TYPE_CHECKING:
    import pandas as pd

MOST_COEFFICIENTS = 16
SIGNIFICANT = 0.05
_ROW, _HEAD = 22, 110


def coefficients_figure(result: CrossValidation) -> go.Figure | None:
    """Mean coefficient of each metric with its spread over folds and its selection rate; None for a network."""
    means, spread, rates = result.coefficients(), result.coefficient_sd(), result.selection_rate()
    weight = result.importance()
    if means is None or spread is None or rates is None or weight is None:
        return None
    names = sorted((name for name in means if rates[name] > 0), key=lambda name: weight[name])[-MOST_COEFFICIENTS:]
    fig = theme.figure(
        "Coefficients, and in how many folds a metric is used",
        x="Change of the target for half a metric's range, in its standard deviations",
        height=_HEAD + _ROW * max(4, len(names)),
        subtitle="Bars: mean over folds; whiskers: standard deviation over folds",
    )
    labels = [f"{title(name)} · {100 * rates[name]:.0f} %" for name in names]
    fig.add_bar(
        y=labels,
        x=[means[name] for name in names],
        orientation="h",
        marker_color=[theme.ACCENT if means[name] > 0 else theme.CATEGORY[1] for name in names],
        error_x={
            "type": "data",
            "array": [spread[name] for name in names],
            "thickness": 1,
            "width": 0,
            "color": theme.MUTED,
        },
        hovertemplate="%{y} of folds<br>%{x:.3f} ± %{error_x.array:.3f}<extra></extra>",
    )
    _rows(fig, len(names))
    return fig


def ablation_figure(found: Sequence[Ablation], headline: float) -> go.Figure:
    """What r loses without each category, with the standard error of the paired difference of folds."""
    known = sorted((one for one in found if not math.isnan(one.change)), key=lambda one: -one.change)
    fig = theme.figure(
        "Without a whole category",
        x=f"Change of r = {number(headline)}",
        height=_HEAD + 30 * max(3, len(known)),
        subtitle="Below zero: the category helped. Whiskers: standard error over folds",
    )
    errors = [0.0 if math.isnan(one.standard_error) else one.standard_error for one in known]
    fig.add_bar(
        y=[f"{category_title(one.category)} · {len(one.metrics)}" for one in known],
        x=[one.change for one in known],
        orientation="h",
        marker_color=theme.ACCENT,
        error_x={"type": "data", "array": errors, "thickness": 1, "width": 0, "color": theme.INK},
        customdata=[[number(one.headline)] for one in known],
        hovertemplate="Without %{y}: %{x:+.3f} ± %{error_x.array:.3f}, r %{customdata[0]}<extra></extra>",
    )
    _rows(fig, len(known))
    return fig


def alone_figure(found: Sequence[SingleMetric]) -> go.Figure:
    """r of every metric alone; filled where renaming the tasks seldom does as well."""
    known = [one for one in reversed(found) if not math.isnan(one.pearson)]
    fig = theme.figure(
        "Every metric alone",
        x="Pearson's r over all pairs",
        height=_HEAD + 20 * max(4, len(known)),
        subtitle=f"Filled: p < {SIGNIFICANT} when tasks are renamed; large: also after looking at all metrics",
    )
    for one in known:
        fig.add_scatter(
            x=[0, one.pearson],
            y=[title(one.metric)] * 2,
            mode="lines",
            line={"color": theme.MUTED, "width": 1},
            hoverinfo="skip",
            showlegend=False,
        )
    colours = [theme.ACCENT if one.p < SIGNIFICANT else theme.GROUND for one in known]
    fig.add_scatter(
        x=[one.pearson for one in known],
        y=[title(one.metric) for one in known],
        mode="markers",
        marker={
            "color": colours,
            "size": [12 if one.p_family < SIGNIFICANT else 8 for one in known],
            "line": {"color": theme.ACCENT, "width": 1.5},
        },
        customdata=[[one.n, number(one.spearman), _p(one.p), _p(one.p_family)] for one in known],
        hovertemplate="%{y}: r %{x:.2f}, rank correlation %{customdata[1]}, %{customdata[0]} pairs<br>"
        "p %{customdata[2]}, of all metrics %{customdata[3]}<extra></extra>",
        showlegend=False,
    )
    _rows(fig, len(known))
    return fig


def choosing_figure(result: CrossValidation, unit: Unit, height: int = 370) -> go.Figure:
    """What choosing the k best pairs costs, by prediction, by each baseline and by chance."""
    scores = result.scores
    counts = np.arange(1, max(2, min(30, len(scores.measured) // 2)) + 1)
    fig = theme.figure(
        "What choosing pairs costs",
        x="Pairs chosen",
        y=f"Lost against the best{', points' if unit.factor == 100 else ''}",
        height=height,
    )
    lines = {"Predictor": (scores.lost_at, theme.ACCENT, 2.5)}
    lines |= {
        BASELINES[name].title: (held.lost_at, BASELINE_COLOURS[name], 1.5) for name, held in result.baselines.items()
    }
    lines["Chance"] = (scores.lost_by_chance, theme.MUTED, 1.5)
    for name, (lost, colour, width) in lines.items():
        fig.add_scatter(
            name=name,
            x=counts,
            y=[unit.factor * lost(int(k)) for k in counts],
            mode="lines",
            line={"color": colour, "width": width, "dash": "dot" if name == "Chance" else "solid"},
            hovertemplate=f"{name}, %{{x}} pairs: %{{y:.2f}} lost<extra></extra>",
        )
    fig.update_layout(margin={"l": 0, "r": 8, "t": LEGEND_TOP + LEGEND_LINE * len(lines), "b": 4})
    fig.update_yaxes(rangemode="tozero")
    return fig


def steadiness_figure(found: "pd.DataFrame", height: int = 330) -> go.Figure:
    """The headline with fewer tasks: a dot a draw, their means as a line."""
    fig = theme.figure(
        "How many tasks it takes",
        x="Tasks in the table",
        y="Pearson's r",
        height=height,
        subtitle="Dots: random choices of tasks. Line: their mean",
    )
    means = found.groupby("tasks")["headline"].mean()
    fig.add_scatter(
        x=list(means.index), y=list(means), mode="lines", line={"color": theme.ACCENT, "width": 2}, hoverinfo="skip"
    )
    fig.add_scatter(
        x=found["tasks"],
        y=found["headline"],
        mode="markers",
        marker={"color": theme.ACCENT, "size": 6, "opacity": 0.6},
        customdata=found[["pairs", "seed"]].to_numpy(),
        hovertemplate="%{x} tasks, %{customdata[0]} pairs, draw %{customdata[1]}: r %{y:.2f}<extra></extra>",
    )
    fig.update_layout(showlegend=False)
    return fig


def _rows(fig: go.Figure, count: int) -> None:
    """Names to the left of so many rows, a line at zero."""
    fig.update_layout(showlegend=False, margin={"l": 0, "r": 8, "t": theme.TITLE_HEIGHT + 16, "b": 4})
    fig.update_yaxes(showgrid=False, automargin=True, ticks="", tickfont={"size": 12}, range=[-0.7, count - 0.3])
    fig.add_vline(x=0, line={"color": theme.INK, "width": 1})


def _p(value: float) -> str:
    return f"{value:.3f}" if value >= 0.001 else "< 0.001"
