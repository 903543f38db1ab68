"""Pictures of one node: what each model feeds it, what the activation makes of that, and how the weight rows lie."""

import numpy as np
import plotly.graph_objects as go

from mloss_core.mloss.detail import MERGED, NodeDetail
from mloss_core.mloss.theory import numpy_activation
from ui import theme
from ui.formats import ACTIVATION_WORDS, engineering

_CURVE_POINTS = 121


def density_figure(detail: NodeDetail, height: int = 390) -> go.Figure:
    """How often each model gives this node which pre-activation, with the activation that follows on the right axis.

    The two averages are marked where the merged node sits on average: the activation of the averaged pre-activation,
    and the average of the models' activations.
    """
    fig = theme.figure(
        "What each model sends into the node", x="Pre-activation z", y="Share of tokens per unit of z", height=height
    )
    centres = (detail.edges[:-1] + detail.edges[1:]) / 2
    for position, name in enumerate(detail.tasks):
        fig.add_scatter(
            x=centres,
            y=detail.density(name),
            name=name,
            mode="lines",
            showlegend=False,
            line={"width": 1.2, "color": theme.task_colour(position), "shape": "spline"},
            hovertemplate=f"{name}: z around %{{x:.2f}}, density %{{y:.3f}}<extra></extra>",
        )
    fig.add_scatter(
        x=centres,
        y=detail.density(MERGED),
        name="merged",
        mode="lines",
        line={"width": 2.5, "color": theme.INK, "shape": "spline"},
        hovertemplate="Merged model: z around %{x:.2f}, density %{y:.3f}<extra></extra>",
    )
    fig.update_yaxes(rangemode="tozero", nticks=4, fixedrange=True)
    fig.update_xaxes(fixedrange=True)
    _add_activation(fig, detail)
    fig.update_layout(legend={"y": -0.2, "yanchor": "top", "entrywidth": 100}, margin={"t": 38})
    return fig


def angle_figure(detail: NodeDetail, height: int = 390) -> go.Figure:
    """Angle between the weight rows of this node, for the models and the pretrained encoder.

    The names carry the colours of the models' densities and so serve as their legend.
    """
    fig = theme.figure("Angles between rows, degrees", height=height)
    names = list(detail.row_names)
    fig.add_heatmap(
        x=names,
        y=names,
        z=detail.angles,
        colorscale=theme.SEQUENTIAL,
        showscale=False,
        zmin=0,
        zmax=float(detail.angles.max()) or 1.0,
        text=np.round(detail.angles).astype(int),
        texttemplate="%{text}",
        textfont={"size": 10},
        hovertemplate="%{y} and %{x}: rows %{z:.1f} degrees apart<extra></extra>",
    )
    coloured = [
        f'{name} <span style="color:{theme.task_colour(place)}">■</span>' if place < len(detail.tasks) else name
        for place, name in enumerate(names)
    ]
    fig.update_yaxes(autorange="reversed", showgrid=False, ticks="", fixedrange=True, tickvals=names, ticktext=coloured)
    fig.update_xaxes(tickangle=-50, showgrid=False, ticks="", fixedrange=True)
    fig.update_layout(margin={"t": 38})
    return fig


def angle_sentence(detail: NodeDetail) -> str:
    """How far the rows lie apart, in words."""
    between = detail.angles[: len(detail.tasks), : len(detail.tasks)][np.triu_indices(len(detail.tasks), 1)]
    from_start = detail.angles[: len(detail.tasks), -1]
    return (
        f"The models' weight rows are {between.mean():.0f}° apart on average (at most {between.max():.0f}°), and "
        f"{from_start.mean():.0f}° from the pretrained row they all started from."
    )


def _add_activation(fig: go.Figure, detail: NodeDetail) -> None:
    name = ACTIVATION_WORDS.get(detail.activation, detail.activation)
    z = np.linspace(detail.edges[0], detail.edges[-1], _CURVE_POINTS)
    fig.add_scatter(
        x=z,
        y=numpy_activation(detail.activation)(z),
        name=name,
        mode="lines",
        yaxis="y2",
        line={"color": theme.MUTED, "width": 1.2, "dash": "dot"},
        hovertemplate=f"{name} of %{{x:.2f}} is %{{y:.3f}}<extra></extra>",
    )
    for words, value, colour, symbol in (
        ("merged mean", detail.merged_activation, theme.ROLES["merged"], "diamond"),
        ("ensemble mean", detail.ensemble_activation, theme.ROLES["ensemble"], "square-open"),
    ):
        shown = engineering(value)
        fig.add_scatter(
            x=[detail.merged_mean],
            y=[value],
            yaxis="y2",
            mode="markers",
            name=words,
            marker={"color": colour, "size": 10, "symbol": symbol, "line": {"width": 2}},
            hovertemplate=f"{words.capitalize()} of the activation, over all tokens: {shown}<extra></extra>",
        )
    fig.update_layout(
        yaxis2={
            "overlaying": "y",
            "side": "right",
            "title": {"text": f"{name} of z (dotted)", "standoff": 14},
            "showgrid": False,
            "fixedrange": True,
            "nticks": 4,
            "tickmode": "auto",
            "zeroline": False,
        }
    )
