"""Pictures of one node: where two models' pre-activations fall, M-Loss against angle, and one input."""

import numpy as np
import plotly.graph_objects as go

from mloss_core.mloss.theory import numpy_activation
from ui import theme
from ui.formats import ACTIVATION_WORDS, engineering, measured
from ui.theory.node import DRAWS, Draw, Node

_SHARES = ((0.99, 2.0), (0.9, 1.4), (0.5, 0.8))
"""Fraction of inputs inside an ellipse, and its line width."""
_TINT = theme.CATEGORY[4]
_MODEL = theme.ROLES["individual"]


def joint_figure(node: Node, draw: Draw, height: int = 270) -> go.Figure:
    """Joint density of two models' pre-activations: lines that hold 50, 90 and 99 % of all inputs.

    The kink of the activation is a line for each model; where their signs differ, the quadrant is tinted.
    """
    name = ACTIVATION_WORDS[node.activation]
    fig = theme.figure("All inputs, seen by two models", x="z of model 1", y="z of model 2", height=height)
    reach = max(3.2 * node.spread + abs(node.mean), float(np.abs(draw.z[:2]).max()) * 1.1)
    if node.kinked:
        for x0, x1, y0, y1 in ((-reach, 0, 0, reach), (0, reach, -reach, 0)):
            fig.add_shape(
                type="rect", x0=x0, x1=x1, y0=y0, y1=y1, fillcolor=_TINT, opacity=0.14, line={"width": 0}, layer="below"
            )
    kink = {"color": theme.MUTED, "width": 1, "dash": "dash"}
    fig.add_shape(type="line", x0=0, x1=0, y0=-reach, y1=reach, line=kink)
    fig.add_shape(type="line", x0=-reach, x1=reach, y0=0, y1=0, line=kink)
    for share, width in reversed(_SHARES):
        x, y = _ellipse(node, share)
        fig.add_scatter(
            x=x,
            y=y,
            mode="lines",
            line={"color": theme.ACCENT, "width": width},
            opacity=1.35 - share if share > 0.5 else 0.8,
            name=f"{share:.0%} of inputs",
            hovertemplate=f"{100 * share:.0f} % of inputs fall inside<extra></extra>",
        )
    fig.add_scatter(
        x=[node.mean],
        y=[node.mean],
        mode="markers",
        name="mean",
        marker={"color": theme.INK, "symbol": "cross-thin", "size": 10, "line": {"width": 2, "color": theme.INK}},
        hovertemplate="Mean of both models: (%{x:.2f}, %{y:.2f})<extra></extra>",
    )
    fig.add_scatter(
        x=[draw.z[0]],
        y=[draw.z[1]],
        mode="markers",
        name="this input",
        marker={"color": _MODEL, "size": 9},
        hovertemplate="The input on the right: (%{x:.2f}, %{y:.2f})<extra></extra>",
    )
    fig.add_annotation(
        x=0,
        y=0,
        yref="paper",
        text=f"{name} bends at 0",
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        xshift=4,
        font={"color": theme.MUTED, "size": 11},
    )
    _fixed(fig, showlegend=False, margin={"t": 38})
    # A square, so that the shape of the density is that of the correlation.
    fig.update_xaxes(range=[-reach, reach], nticks=7, constrain="domain", constraintoward="left")
    fig.update_yaxes(range=[-reach, reach], nticks=7, scaleanchor="x", constrain="domain")
    return fig


def draw_figure(node: Node, draw: Draw, height: int = 270) -> go.Figure:
    """The activation with one input: every model's point, and the merged and the ensembled answer above their mean."""
    name = ACTIVATION_WORDS[node.activation]
    phi = numpy_activation(node.activation, node.slope)
    reach = max(1.5, 1.2 * float(np.abs(draw.z).max()))
    z = np.linspace(-reach, reach, 241)
    fig = theme.figure("One of these inputs", x="Pre-activation z", y=f"{name} of z", height=height)
    fig.add_scatter(
        x=z,
        y=phi(z),
        mode="lines",
        line={"color": theme.MUTED, "width": 1.5},
        name=name,
        showlegend=False,
        hovertemplate=f"{name} of %{{x:.2f}} is %{{y:.3f}}<extra></extra>",
    )
    if node.models == 2:
        fig.add_scatter(
            x=draw.z,
            y=draw.phi,
            mode="lines",
            line={"color": _MODEL, "width": 1, "dash": "dot"},
            hoverinfo="skip",
            showlegend=False,
        )
    fig.add_scatter(
        x=draw.z,
        y=draw.phi,
        mode="markers",
        name="models",
        marker={"color": _MODEL, "size": 8},
        text=[f"Model {place + 1}" for place in range(node.models)],
        hovertemplate="%{text}: z = %{x:.2f}, answers %{y:.3f}<extra></extra>",
    )
    fig.add_scatter(
        x=[draw.mean] * 2,
        y=[draw.merged, draw.ensemble],
        mode="lines",
        line={"color": theme.INK, "width": 2.5},
        hoverinfo="skip",
        name="gap",
    )
    for words, value, role, symbol, why in (
        ("merged", draw.merged, "merged", "diamond", "activation of the mean"),
        ("ensembled", draw.ensemble, "ensemble", "square", "mean of the activations"),
    ):
        fig.add_scatter(
            x=[draw.mean],
            y=[value],
            mode="markers",
            name=words,
            marker={"color": theme.ROLES[role], "size": 10, "symbol": symbol},
            hovertemplate=f"{words.capitalize()}, the {why}: {value:.3f}<extra></extra>",
        )
    # The activation is low on the left: the legend has room there.
    inside = {"orientation": "v", "x": 0.02, "y": 1, "yanchor": "top", "bgcolor": "rgba(0,0,0,0)"}
    _fixed(fig, margin={"t": 38}, legend=inside)
    return fig


def angle_figure(
    node: Node,
    value: float,
    curve: tuple[np.ndarray, np.ndarray],
    dots: tuple[np.ndarray, np.ndarray, np.ndarray],
    law: tuple[np.ndarray, np.ndarray] | None = None,
    height: int = 235,
) -> go.Figure:
    """Expected M-Loss against the angle between rows: closed form, simulation, and where the sliders stand.

    Args:
        value: M-Loss at the sliders' place.
        curve: angles and closed form; `dots` angles, simulated values and standard errors.
        law: angles and (t - sin t) / (4 pi), where it holds.
    """
    form = "by integration" if node.activation == "quick_gelu" else "closed form"
    grows = bool(np.all(np.diff(curve[1]) >= -1e-9 * curve[1].max())) and curve[1].max() > 0
    fig = theme.figure(
        f"Averaged over all inputs: M-Loss {'grows with' if grows else 'against'} the angle between the rows",
        x="Angle between two models' rows, degrees",
        y="M-Loss",
        height=height,
    )
    fig.add_scatter(
        x=curve[0],
        y=curve[1],
        mode="lines",
        name=form,
        line={"color": theme.ACCENT, "width": 2 if law is None else 5, "shape": "spline"},
        opacity=1 if law is None else 0.45,
        hovertemplate="Rows %{x:.0f}° apart: M-Loss %{y:.4g} " + form + "<extra></extra>",
    )
    if law is not None:
        factor = "" if node.activation == "relu" else "(1 − slope)² · "
        fig.add_scatter(
            x=law[0],
            y=law[1],
            mode="lines",
            name=f"{factor}spread² (θ − sin θ) / 4π",
            line={"color": theme.INK, "width": 1.5, "dash": "dot"},
            hovertemplate="Rows %{x:.0f}° apart: the law gives %{y:.4g}<extra></extra>",
        )
    fig.add_scatter(
        x=dots[0],
        y=dots[1],
        mode="markers",
        name=f"simulation, {DRAWS} inputs a dot",
        error_y={"type": "data", "array": 2 * dots[2], "thickness": 1.2, "width": 4, "color": theme.MUTED},
        marker={"color": theme.GROUND, "size": 7, "line": {"color": theme.MUTED, "width": 1.5}},
        text=[measured(*pair) for pair in zip(dots[1], dots[2], strict=True)],
        hovertemplate="Simulation at %{x:.0f}°: %{text} (bars show two standard errors)<extra></extra>",
    )
    fig.add_scatter(
        x=[node.angle],
        y=[value],
        mode="markers",
        name="the sliders",
        marker={"color": theme.CATEGORY[1], "size": 12, "symbol": "diamond"},
        hovertemplate=f"The sliders: rows {node.angle:.0f}° apart, M-Loss {engineering(value)}<extra></extra>",
    )
    _fixed(fig)
    fig.update_xaxes(range=[-2, node.widest + 2], dtick=30 if node.widest > 100 else 15)
    top = 1.08 * max(float(curve[1].max()), float((dots[1] + 2 * dots[2]).max()), 1e-6)
    fig.update_yaxes(range=[-0.04 * top, top], exponentformat="power", nticks=5)
    return fig


def _ellipse(node: Node, share: float) -> tuple[np.ndarray, np.ndarray]:
    """The line of equal density that holds `share` of a two-dimensional Gaussian."""
    radius = node.spread * np.sqrt(-2 * np.log(1 - share))
    turn = np.linspace(0, 2 * np.pi, 121)
    along = np.sqrt((1 + node.shared) / 2) * np.cos(turn)
    across = np.sqrt((1 - node.shared) / 2) * np.sin(turn)
    return node.mean + radius * (along - across), node.mean + radius * (along + across)


def _fixed(fig: go.Figure, **changes: object) -> None:
    """No zooming: the sliders are what moves."""
    fig.update_xaxes(fixedrange=True)
    fig.update_yaxes(fixedrange=True)
    fig.update_layout(dragmode=False, **changes)
