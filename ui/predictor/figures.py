"""Figures of the Predictor page: predicted against measured, and the folds with the baselines as lines."""

import math

import numpy as np
import plotly.graph_objects as go

from mloss_core.mergeability.predictor.baselines import BASELINES
from mloss_core.mergeability.predictor.results import CrossValidation
from ui import theme
from ui.predictor.controls import Unit
from ui.predictor.words import number

BASELINE_COLOURS = {
    "sum_of_individual_accuracies": theme.CATEGORY[1],
    "additive_task_effects": theme.CATEGORY[2],
    "best_single_metric": theme.CATEGORY[3],
    "mloss_alone": theme.CATEGORY[6],
    "merged_agreement_alone": theme.CATEGORY[8],
}
_SHORT = {
    "sum_of_individual_accuracies": "Sum of accuracies",
    "additive_task_effects": "Task effects",
    "best_single_metric": "Best metric",
    "mloss_alone": "M-Loss",
    "merged_agreement_alone": "After merging",
}
LEGEND_TOP, LEGEND_LINE = 40, 16
"""Height of the title, and of a line of the legend below it, in pixels."""
_DASHES = {
    "sum_of_individual_accuracies": "dash",
    "additive_task_effects": "dashdot",
    "best_single_metric": "dot",
    "mloss_alone": "longdash",
    "merged_agreement_alone": "longdashdot",
}


def chart_height(result: CrossValidation) -> int:
    """Of the two charts side by side: the legend of the second takes a line for each baseline."""
    return 300 + LEGEND_LINE * (1 + len(result.baselines))


def measured_figure(result: CrossValidation, unit: Unit) -> go.Figure:
    """Predicted against measured: a small dot for every pair in every fold that held it out."""
    guesses = result.predictions()
    held = "" if result.protocol.name == "l2to" else f"{result.protocol.title.lower()}: "
    x, y = (unit.factor * guesses[name].to_numpy(float) for name in ("predicted", "measured"))
    percent = ", %" if unit.factor == 100 else ""
    fig = theme.figure(
        "Predicted against measured",
        x=f"Predicted{percent}",
        y=f"Measured{percent}",
        height=chart_height(result),
        subtitle=f"A dot a held-out pair and fold; pooled r = {number(result.scores.pooled)}",
    )
    ends = [float(min(x.min(), y.min())), float(max(x.max(), y.max()))]
    fig.add_scatter(
        x=ends, y=ends, mode="lines", line={"color": theme.MUTED, "width": 1, "dash": "dot"}, hoverinfo="skip"
    )
    fig.add_scatter(
        x=x,
        y=y,
        mode="markers",
        marker={"color": theme.ACCENT, "size": 5, "opacity": 0.55},
        text=[
            f"{a} + {b}<br>{held}{fold}<br>predicted {unit.value(guess)}, measured {unit.value(truth)}"
            for fold, a, b, guess, truth in guesses.itertuples(index=False)
        ],
        hovertemplate="%{text}<extra></extra>",
    )
    fig.update_layout(showlegend=False)
    return fig


def folds_figure(result: CrossValidation) -> go.Figure:
    """r of every fold as a small dot, their mean as a line with its standard error, baselines as lines."""
    scores, pools = result.scores, result.protocol.pools
    fig = theme.figure(
        "Correlation by fold, baselines as lines" if not pools else "Correlation, baselines as lines",
        y="Pearson's r",
        height=chart_height(result),
    )
    if not pools:
        _add_folds(fig, result)
    error = 0.0 if pools or math.isnan(scores.standard_error) else scores.standard_error
    _add_line(fig, "Predictor", result.headline, theme.ACCENT, "solid", 2.5)
    if error:
        fig.add_hrect(
            y0=result.headline - error,
            y1=result.headline + error,
            fillcolor=theme.ACCENT,
            opacity=0.12,
            line={"width": 0},
            layer="below",
        )
    for name, held in result.baselines.items():
        value = held.headline(pools)
        if not math.isnan(value):
            _add_line(fig, _SHORT.get(name, name), value, BASELINE_COLOURS[name], _DASHES[name], 1.5)
    _layout(fig, result)
    return fig


def _add_folds(fig: go.Figure, result: CrossValidation) -> None:
    folds = sorted(
        (fold for fold in result.scores.folds if not math.isnan(fold.pearson)), key=lambda fold: -fold.pearson
    )
    fig.add_scatter(
        name="fold",
        x=[fold.label for fold in folds],
        y=[fold.pearson for fold in folds],
        mode="markers",
        marker={"color": theme.ACCENT, "size": 7},
        customdata=[[fold.n_train, fold.n_val, number(fold.pearson), number(fold.spearman)] for fold in folds],
        hovertemplate="%{x}: r %{customdata[2]}, rank correlation %{customdata[3]}<br>fitted on %{customdata[0]} "
        "pairs, held against %{customdata[1]}<extra></extra>",
        showlegend=False,
    )


def _add_line(fig: go.Figure, name: str, value: float, colour: str, dash: str, width: float) -> None:
    # Lines of a trace have an entry in the legend, which tells them apart where two lie close together.
    fig.add_scatter(
        name=f"{name} {number(value)}",
        x=[0, 1],
        y=[value, value],
        xaxis="x2",
        mode="lines",
        line={"color": colour, "width": width, "dash": dash},
        hovertemplate=f"{name}: r {number(value)}<extra></extra>",
    )


def _layout(fig: go.Figure, result: CrossValidation) -> None:
    values = [held.headline(result.protocol.pools) for held in result.baselines.values()] + [result.headline]
    known = [value for value in [*values, *(fold.pearson for fold in result.scores.folds)] if not math.isnan(value)]
    fig.update_layout(
        xaxis2={"overlaying": "x", "range": [0, 1], "visible": False, "fixedrange": True},
        legend={
            "orientation": "h",
            "x": 0,
            "y": 1.0,
            "yanchor": "bottom",
            "entrywidthmode": "pixels",
            "entrywidth": 128,
            "font": {"size": 11},
        },
        margin={"l": 0, "r": 8, "t": LEGEND_TOP + LEGEND_LINE * len(values), "b": 4},
    )
    fig.update_yaxes(range=[min([0.0, *known]) - 0.05, 1.04], dtick=0.2)
    fig.update_xaxes(showgrid=False, selector={"anchor": "y"})
    fig.update_xaxes(tickangle=-60, tickfont={"size": 10}, tickmode="linear", dtick=1, automargin=True)
    if min([0.0, *known]) < 0:
        fig.add_hline(y=0, line={"color": theme.INK, "width": 1})


def folds_alt(result: CrossValidation) -> str:
    """The message of `folds_figure` in words."""
    pools = result.protocol.pools
    rivals = "; ".join(f"{BASELINES[name].title} {number(s.headline(pools))}" for name, s in result.baselines.items())
    span = ""
    known = np.array([fold.pearson for fold in result.scores.folds if not math.isnan(fold.pearson)])
    if not pools and len(known):
        span = f", folds from {number(float(known.min()))} to {number(float(known.max()))}"
    return f"The predictor has r {number(result.headline)}{span}. {rivals}."
