"""The scatter of a metric against measured quality: every pair a point that can be clicked."""

import math
from collections.abc import Callable, Sequence

import numpy as np
import plotly.graph_objects as go

from mloss_core.mergeability.association import Association, association
from mloss_core.mergeability.pair_names import pair_text
from ui import theme
from ui.mergeability.figures import unit_of
from ui.mergeability.matrices import View


def goes_with(metric: View, quality: View) -> Association:
    """How the metric goes with quality over the pairs of a view."""
    places = upper(metric)
    pairs = [(metric.tasks[row], metric.tasks[column]) for row, column in places]
    values = ([float(view.values[place]) for place in places] for view in (metric, quality))
    return association(pairs, *values)


def upper(view: View) -> list[tuple[int, int]]:
    """The places of all pairs of a matrix, each once."""
    count = len(view.tasks)
    return [(row, column) for row in range(count) for column in range(row + 1, count)]


def correlation_text(found: Association) -> str:
    """r with its interval, in words."""
    if math.isnan(found.pearson):
        return "no correlation: too few pairs, or one value for all"
    interval = "" if math.isnan(found.low) else f" (95 %: {signed(found.low)} to {signed(found.high)})"
    return f"r = {signed(found.pearson)}{interval}, rank correlation {signed(found.spearman)}"


def signed(value: float) -> str:
    """A correlation with two decimals and a proper minus."""
    return "none" if math.isnan(value) else f"{value:+.2f}".replace("-", "−")


def scatter_figure(
    metric: View,
    quality: View,
    *,
    label: str,
    method: str,
    found: Association,
    chosen: tuple[str, str] | None,
    text: Callable[[float], str],
    height: int = 470,
) -> go.Figure:
    """Measured quality over a metric; a click on a point gives back the `pair_text` of its tasks.

    Args:
        metric, quality: of the same tasks.
        label: the metric's name; method: the merging method's.
        found: their association, for the subtitle.
        chosen: the pair to mark.
        text: how a value of the metric is written.
    """
    places = [place for place in upper(metric) if np.isfinite(metric.values[place] + quality.values[place])]
    x = np.array([metric.values[place] for place in places], float)
    y = 100 * np.array([quality.values[place] for place in places], float)
    factor, unit = unit_of(x)
    fig = theme.figure(
        f"{label} against {method}, measured",
        x=f"{label} {f'({unit})' if unit else ''}".strip(),
        y="Accuracy relative to individual, %",
        height=height,
        subtitle=correlation_text(found),
    )
    if len(x) > 2 and math.isfinite(found.pearson):
        _add_line(fig, x * factor, y)
    names = [(metric.tasks[row], metric.tasks[column]) for row, column in places]
    fig.add_scatter(
        x=x * factor,
        y=y,
        mode="markers",
        customdata=np.array([[pair_text(a, b)] for a, b in names], dtype=object),
        marker=_marks(names, chosen),
        text=[
            f"{a} and {b}<br>{label} {text(value)}<br>{share:.1f} % of the individual models"
            for (a, b), value, share in zip(names, x, y, strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
        selected={"marker": {"opacity": 0.9}},
        unselected={"marker": {"opacity": 0.9}},
    )
    return fig


def _marks(names: Sequence[tuple[str, str]], chosen: tuple[str, str] | None) -> dict[str, object]:
    here = [chosen is not None and set(pair) == set(chosen) for pair in names]
    colours = [theme.CATEGORY[1] if one else theme.ACCENT for one in here]
    return {"color": colours, "size": [13 if one else 8 for one in here], "opacity": 0.75}


def _add_line(fig: go.Figure, x: np.ndarray, y: np.ndarray) -> None:
    slope, start = np.polyfit(x, y, 1)
    ends = np.array([x.min(), x.max()])
    fig.add_scatter(
        x=ends,
        y=start + slope * ends,
        mode="lines",
        line={"color": theme.MUTED, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )
