"""Figures of the Mergeability page: the task x task matrix with its tree, and the layer profile of one pair."""

import math
import textwrap
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from mloss_core.mergeability.pair_names import pair_text, read_pair
from ui import formats, theme
from ui.mergeability.matrices import View, branches

MAX_WRITTEN = 12
"""Up to this many models the numbers stand in the cells; beyond, a colour bar tells them."""
_TREE_SHARE = 0.12
_HOVER_WIDTH = 56
"""Characters of a line that fits beside the matrix."""


def unit_of(values: np.ndarray) -> tuple[float, str]:
    """A factor that brings the largest value between 1 and 1000, and how to name it: (1e6, "× 10⁻⁶").

    Values of ordinary size, between 0.01 and 1000, stay as they are.
    """
    finite = np.abs(values[np.isfinite(values)])
    largest = float(finite.max()) if finite.size else 0.0
    if largest == 0 or 0.01 <= largest < 1000:
        return 1.0, ""
    exponent = 3 * math.floor(math.log10(largest) / 3)
    power = str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return 10.0**-exponent, f"× 10{power}"


def matrix_figure(
    view: View,
    title: str,
    *,
    label: str,
    tree: np.ndarray | None,
    chosen: tuple[str, str] | None,
    reasons: Mapping[frozenset[str], str] = MappingProxyType({}),
    diverging: bool = False,
    text: Callable[[float], str] = formats.engineering,
    height: int = 470,
) -> go.Figure:
    """The matrix of one metric; a click on a cell gives back the `pair_text` of its two tasks.

    Args:
        view: the numbers, in the order of the tree's leaves.
        label: name of the number, for the hover text.
        tree: clustering to draw on top, or None.
        chosen: the pair to frame.
        reasons: why a pair has no number.
        diverging: whether zero is a real middle.
        text: how a number is written in the hover text.
    """
    count = len(view.tasks)
    factor, unit = unit_of(view.values)
    shown = view.values * factor
    fig = theme.figure(" ".join(part for part in (title, f"({unit})" if unit else "") if part), height=height)
    limit = float(np.abs(view.numbers).max() * factor) if len(view.numbers) else 1.0
    colours = (
        {"colorscale": theme.DIVERGING, "zmin": -limit, "zmax": limit}
        if diverging
        else {"colorscale": theme.SEQUENTIAL}
    )
    written = count <= MAX_WRITTEN
    fig.add_heatmap(
        z=shown,
        x=list(range(count)),
        y=list(range(count)),
        hoverinfo="skip",
        showscale=not written,
        texttemplate="%{z:.3g}" if written else None,
        colorbar=theme.colourbar(unit),
        **colours,
    )
    fig.add_trace(_clicks(view, label, reasons, text, size=max(12, (height - 120) // count)))
    _frame_pair(fig, view, chosen)
    _axes(fig, view, 1.0 - (_TREE_SHARE if tree is not None else 0.0))
    if tree is not None:
        _add_tree(fig, tree)
    return fig


def profile_figure(
    profile: pd.Series, mean: pd.Series, pair: str, label: str = "M-Loss", height: int = 260
) -> go.Figure:
    """A metric of one pair by block as bars, the mean of all pairs as a marked line."""
    factor, unit = unit_of(np.concatenate([profile.to_numpy(float), mean.to_numpy(float)]))
    fig = theme.figure(
        f"{label} by block ({unit})" if unit else f"{label} by block",
        x="Block",
        height=height,
        subtitle=f"Bars: {pair}. Line: mean of all pairs of the zoo",
    )
    fig.add_bar(
        name=pair,
        x=list(profile.index),
        y=profile.to_numpy(float) * factor,
        marker_color=theme.ACCENT,
        text=[f"{pair} {formats.engineering(value)}" for value in profile],
        textposition="none",
        hovertemplate="Block %{x}: %{text}<extra></extra>",
    )
    fig.add_scatter(
        name="mean pair",
        x=list(mean.index),
        y=mean.to_numpy(float) * factor,
        mode="lines+markers",
        line={"color": theme.INK, "width": 1.5},
        marker={"color": theme.INK, "size": 5},
        text=[formats.engineering(value) for value in mean],
        hovertemplate="Block %{x}: the mean pair %{text}<extra></extra>",
    )
    fig.update_layout(showlegend=False)
    ends = [float(min(profile.index, default=0)) - 0.6, float(max(profile.index, default=0)) + 0.6]
    dtick = 1 if len(profile) <= 12 else 2
    fig.update_xaxes(tickmode="linear", dtick=dtick, tickangle=0, showgrid=False, range=ends)
    fig.update_yaxes(rangemode="tozero")
    return fig


def pair_of(text: object, tasks: Sequence[str]) -> tuple[str, str] | None:
    """The pair that a click or a link names by `pair_text`, if both are different tasks of the view."""
    pair = read_pair(text) if isinstance(text, str) else None
    return None if pair is None or pair[0] == pair[1] or any(task not in tasks for task in pair) else pair


def _clicks(
    view: View, label: str, reasons: Mapping[frozenset[str], str], text: Callable[[float], str], size: int
) -> go.Scatter:
    places = [(row, column) for row in range(len(view.tasks)) for column in range(len(view.tasks)) if row != column]
    texts, ids = [], []
    for row, column in places:
        first, second = view.tasks[row], view.tasks[column]
        value = view.values[row, column]
        why = reasons.get(frozenset((first, second)), "not measured")
        none = "<br>".join(textwrap.wrap(f"{label}: none, {why}", _HOVER_WIDTH))
        words = f"{label} {text(value)}" if np.isfinite(value) else none
        texts.append(f"{first} and {second}<br>{words}")
        ids.append(pair_text(first, second))
    return theme.click_layer([column for _, column in places], [row for row, _ in places], texts, ids, size=size)


def _frame_pair(fig: go.Figure, view: View, chosen: tuple[str, str] | None) -> None:
    """Frame both cells of the chosen pair, if both models are there."""
    if chosen is None or any(task not in view.tasks for task in chosen):
        return
    first, second = (view.tasks.index(task) for task in chosen)
    for column, row in ((first, second), (second, first)):
        fig.add_shape(
            type="rect",
            x0=column - 0.5,
            x1=column + 0.5,
            y0=row - 0.5,
            y1=row + 0.5,
            line={"color": theme.CATEGORY[1], "width": 3},
            layer="above",
        )


def _axes(fig: go.Figure, view: View, top: float) -> None:
    count = len(view.tasks)
    ticks = {"tickmode": "array", "tickvals": list(range(count)), "ticktext": list(view.tasks), "showgrid": False}
    fig.update_xaxes(range=[-0.5, count - 0.5], ticks="", fixedrange=True, **ticks)
    fig.update_yaxes(range=[count - 0.5, -0.5], ticks="", fixedrange=True, domain=[0, top], **ticks)


def _add_tree(fig: go.Figure, tree: np.ndarray) -> None:
    for places, heights in branches(tree):
        fig.add_scatter(
            x=places,
            y=heights,
            yaxis="y2",
            mode="lines",
            line={"color": theme.MUTED, "width": 1},
            hoverinfo="skip",
            showlegend=False,
        )
    domain = [1.0 - _TREE_SHARE + 0.01, 1]
    fig.update_layout(
        yaxis2={"domain": domain, "visible": False, "range": [0, 1.05], "fixedrange": True, "anchor": "x"}
    )
