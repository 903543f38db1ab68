"""The plane of a pair: accuracy or agreement over both models' factors, usual merges, and the barrier."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from ui import state, theme
from ui.formats import plain
from ui.what_if import state as here
from ui.what_if.measured import Measured, measured, request
from ui.what_if.values import factor, images, unit, words
from ui.zoo.facts import ZooFacts

BOTH = "Both"
_WHOSE = state.key(here.PAGE, "whose")


def plane_view(zoo: ZooFacts) -> Measured | None:
    """Choose a pair, and see its plane."""
    if len(zoo.tasks) < 2:
        st.caption("A plane needs two models.")
        return None
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        first = _model("First model", f"{here.PAIR}_a", zoo.tasks[0], zoo)
        second = _model("Second model", f"{here.PAIR}_b", next(task for task in zoo.tasks if task != first), zoo)
        whose = st.segmented_control(
            "Of",
            ["both", "first", "second"],
            default="both",
            required=True,
            key=_WHOSE,
            bind=state.BIND,
            format_func=lambda word: {"both": BOTH, "first": plain(first), "second": plain(second)}.get(word, word),
        )
    if first == second:
        st.caption("Choose two different models.")
        return None
    params = request(zoo, "plane", None, pair=[first, second])
    found = measured("plane", params, "Measuring the plane", reserve=420, words="Measure 11 × 11 models")
    if found is not None:
        task = {"first": found.found["pair"][0], "second": found.found["pair"][1]}.get(str(whose))
        theme.show(plane_figure(found.found, task), key="wi_plane", alt=plane_words(found.found), stale=found.stale)
        st.caption(plain(plane_words(found.found)))
    return found


def _model(label: str, key: str, default: str, zoo: ZooFacts) -> str:
    names = list(zoo.tasks)
    name = st.selectbox(
        label, names, index=names.index(default), key=key, bind=state.BIND, format_func=plain, width=180
    )
    return name if name in names else default


def plane_figure(found: Mapping[str, Any], task: str | None, height: int = 440) -> go.Figure:
    """The criterion over theta_0 + a tau_1 + b tau_2.

    Args:
        found: of `mloss_core.whatif.planes.plane`.
        task: one of the pair, or None for the mean of both.
    """
    first, second = found["pair"]
    factors = found["factors"]
    of = "both tasks" if task is None else task
    cells = np.array([_value(found, point, task) for point in found["points"]]).reshape(len(factors), len(factors)).T
    fig = theme.figure(
        f"{found['title']} of {of}, {unit(found)}", x=f"Factor a of {first}", y=f"Factor b of {second}", height=height
    )
    fig.add_heatmap(
        z=cells,
        x=factors,
        y=factors,
        colorscale=theme.SEQUENTIAL,
        colorbar=theme.colourbar(),
        hovertemplate="a %{x:g}, b %{y:g}: %{z:.4g}<extra></extra>",
    )
    for ends, name in (([[0, 1], [0, 1]], "Both alike"), ([[1, 0], [0, 1]], "From model to model")):
        dash = "dot" if name == "Both alike" else "solid"
        fig.add_scatter(
            name=name, x=ends[0], y=ends[1], mode="lines", line={"color": theme.MUTED, "dash": dash}, hoverinfo="skip"
        )
    merges = found["merges"]
    fig.add_scatter(
        name="Merges",
        x=[merge["factors"][0] for merge in merges],
        y=[merge["factors"][1] for merge in merges],
        text=[merge["name"] for merge in merges],
        customdata=[[_value(found, merge, task), 100 * merge["off_plane"]] for merge in merges],
        mode="markers+text",
        textposition="bottom right",
        marker={"symbol": "circle", "size": 9, "color": theme.GROUND, "line": {"color": theme.INK, "width": 1.5}},
        hovertemplate="%{text}: %{customdata[0]:.4g}, %{customdata[1]:.0f} % of it off this plane<extra></extra>",
    )
    if found["barrier"]["height"] > 0:
        x, y = found["barrier"]["factors"]
        fig.add_scatter(
            name="Barrier",
            x=[x],
            y=[y],
            mode="markers",
            marker={"symbol": "x", "size": 10, "color": theme.INK},
            hovertemplate="lowest point between both models<extra></extra>",
        )
    fig.update_xaxes(showgrid=False, range=[factors[0] - 0.05, factors[-1] + 0.05])
    fig.update_yaxes(showgrid=False, range=[factors[0] - 0.05, factors[-1] + 0.05])
    return fig


def _value(found: Mapping[str, Any], point: Mapping[str, Any], task: str | None) -> float:
    return factor(found) * (point["value"] if task is None else point["tasks"][task])


def plane_words(found: Mapping[str, Any]) -> str:
    """The best point, and the barrier between both models."""
    best = max(found["points"], key=lambda point: point["value"])
    a, b = best["factors"]
    height = factor(found) * found["barrier"]["height"]
    points = "points" if unit(found) == "%" else unit(found)
    dip = (
        f"Between both models the mean falls up to {height:.3g} {points} below the straight line"
        if height > 0
        else "Between both models the mean never falls below the straight line: there is no barrier"
    )
    return (
        f"Best for both at a {a:g}, b {b:g}: {words(found, best)} on {images(found)}. {dip}. Merges beside the plane "
        "lie at their nearest point."
    )
