"""Pictures of one node: what each model feeds it, what the activation makes of that, and how the weight rows lie."""

import numpy as np
import plotly.graph_objects as go

from mloss_core.mloss.theory import numpy_activation
from ui import theme
from ui.formats import ACTIVATION_WORDS, engineering
from ui.mloss_map.node_data import MERGED, NodeView

_CURVE_POINTS = 121


def density_figure(view: NodeView, height: int = 390) -> go.Figure:
    """How often each model gives this node which pre-activation, with the activation that follows on the right axis.

    The two averages are marked where the merged node sits on average: the activation of the averaged pre-activation,
    and the average of the models' activations.
    """
    fig = theme.figure(
        "What each model sends into the node", x="Pre-activation z", y="Share of tokens per unit of z", height=height
    )
    centres = (view.edges[:-1] + view.edges[1:]) / 2
    for position, name in enumerate(view.tasks):
        fig.add_scatter(
            x=centres,
            y=view.densities[name],
            name=name,
            mode="lines",
            showlegend=False,
            line={"width": 1.2, "color": theme.task_colour(position), "shape": "spline"},
            hovertemplate=f"{name}: z around %{{x:.2f}}, density %{{y:.3f}}<extra></extra>",
        )
    fig.add_scatter(
        x=centres,
        y=view.densities[MERGED],
        name="merged",
        mode="lines",
        line={"width": 2.5, "color": theme.INK, "shape": "spline"},
        hovertemplate="Merged model: z around %{x:.2f}, density %{y:.3f}<extra></extra>",
    )
    fig.update_yaxes(rangemode="tozero", nticks=4, fixedrange=True)
    fig.update_xaxes(fixedrange=True)
    _add_activation(fig, view)
    fig.update_layout(legend={"y": -0.2, "yanchor": "top", "entrywidth": 100}, margin={"t": 38})
    return fig


def angle_figure(view: NodeView, height: int = 390) -> go.Figure:
    """Angle between the weight rows of this node, for the models and the pretrained encoder.

    The names carry the colours of the models' densities and so serve as their legend.
    """
    fig = theme.figure("Angles between rows, degrees", height=height)
    names = list(view.row_names)
    fig.add_heatmap(
        x=names,
        y=names,
        z=view.angles,
        colorscale=theme.SEQUENTIAL,
        showscale=False,
        zmin=0,
        zmax=float(view.angles.max()) or 1.0,
        text=np.round(view.angles).astype(int),
        texttemplate="%{text}",
        textfont={"size": 10},
        hovertemplate="%{y} and %{x}: rows %{z:.1f} degrees apart<extra></extra>",
    )
    coloured = [
        f'{name} <span style="color:{theme.task_colour(place)}">■</span>' if place < len(view.tasks) else name
        for place, name in enumerate(names)
    ]
    fig.update_yaxes(autorange="reversed", showgrid=False, ticks="", fixedrange=True, tickvals=names, ticktext=coloured)
    fig.update_xaxes(tickangle=-50, showgrid=False, ticks="", fixedrange=True)
    fig.update_layout(margin={"t": 38})
    return fig


def _add_activation(fig: go.Figure, view: NodeView) -> None:
    name = ACTIVATION_WORDS.get(view.activation, view.activation)
    z = np.linspace(view.edges[0], view.edges[-1], _CURVE_POINTS)
    fig.add_scatter(
        x=z,
        y=numpy_activation(view.activation)(z),
        name=name,
        mode="lines",
        yaxis="y2",
        line={"color": theme.MUTED, "width": 1.2, "dash": "dot"},
        hovertemplate=f"{name} of %{{x:.2f}} is %{{y:.3f}}<extra></extra>",
    )
    for words, value, colour, symbol in (
        ("merged mean", view.merged_activation, theme.ROLES["merged"], "diamond"),
        ("ensemble mean", view.ensemble_activation, theme.ROLES["ensemble"], "square-open"),
    ):
        shown = engineering(value)
        fig.add_scatter(
            x=[view.means[MERGED]],
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
