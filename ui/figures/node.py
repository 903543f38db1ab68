"""Pictures of one node: what each model feeds it, what the activation makes of that, and how the weight rows lie."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from ui import theme

ACTIVATION_WORDS = {
    "gelu": "GELU", "gelu_tanh": "GELU (tanh form)", "quick_gelu": "QuickGELU", "relu": "ReLU",
    "leaky_relu": "Leaky ReLU",
}  # fmt: skip


def density_figure(
    edges: np.ndarray, densities: Mapping[str, np.ndarray], merged: np.ndarray, height: int = 300
) -> go.Figure:
    """How often each model gives this node which pre-activation, and the merged model.

    Args:
        edges: of the bins (bin + 1,).
        densities: by model, (bin,), each with area 1.
        merged: of the merged model, (bin,).
    """
    fig = theme.figure("What each model sends into the node", x="Pre-activation z", y="Density", height=height)
    centres = (edges[:-1] + edges[1:]) / 2
    for position, (name, values) in enumerate(densities.items()):
        fig.add_scatter(
            x=centres, y=values, name=name, mode="lines", line={"width": 1.2, "color": theme.task_colour(position)},
            hovertemplate=f"{name}: z around %{{x:.2f}}, density %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    fig.add_scatter(
        x=centres, y=merged, name="merged", mode="lines", line={"width": 2.5, "color": theme.INK},
        hovertemplate="Merged: z around %{x:.2f}, density %{y:.3f}<extra></extra>",
    )  # fmt: skip
    fig.update_layout(legend={"orientation": "v", "x": 1, "xanchor": "right", "y": 1, "yanchor": "top"})
    fig.update_yaxes(rangemode="tozero", nticks=4)
    return fig


def activation_figure(
    curve: tuple[np.ndarray, np.ndarray], inputs: Mapping[str, float], outputs: Mapping[str, float],
    merged: tuple[float, float], ensemble: float, activation: str, height: int = 300,
) -> go.Figure:  # fmt: skip
    """The activation with the models' points on it, and the two averages whose gap is the M-Loss.

    Args:
        curve: z and the activation of z.
        inputs: pre-activation of each model on one token of the image where they disagree most; `outputs` what the
            activation makes of it.
        merged: the averaged pre-activation and the activation of it.
        ensemble: the average of the activations.
    """
    name = ACTIVATION_WORDS.get(activation, activation)
    fig = theme.figure("The two averages on one input", x="Pre-activation z", y=f"{name} of z", height=height)
    fig.add_scatter(
        x=curve[0], y=curve[1], mode="lines", line={"color": theme.MUTED, "width": 1}, showlegend=False,
        hovertemplate=f"{name}(%{{x:.2f}}) = %{{y:.3f}}<extra></extra>",
    )  # fmt: skip
    for position, model in enumerate(inputs):
        fig.add_scatter(
            x=[inputs[model]], y=[outputs[model]], mode="markers", showlegend=False,
            marker={"color": theme.task_colour(position), "size": 8},
            hovertemplate=f"{model}: z %{{x:.2f}} gives %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    fig.add_scatter(
        x=[merged[0]] * 2, y=[merged[1], ensemble], mode="lines", showlegend=False, hoverinfo="skip",
        line={"color": theme.ROLES["ensemble"], "width": 2, "dash": "dot"},
    )  # fmt: skip
    for words, value, colour, symbol in (
        ("merged: activation of the average", merged[1], theme.ROLES["merged"], "diamond"),
        ("ensemble: average of the activations", ensemble, theme.ROLES["ensemble"], "square"),
    ):
        fig.add_scatter(
            x=[merged[0]], y=[value], mode="markers", name=words,
            marker={"color": colour, "size": 10, "symbol": symbol},
            hovertemplate=f"{words.capitalize()} %{{y:.3f}}<extra></extra>",
        )  # fmt: skip
    fig.update_layout(legend={"orientation": "v", "x": 0, "y": 1, "yanchor": "top"})
    return fig


def angle_figure(names: Sequence[str], degrees: np.ndarray, height: int = 300) -> go.Figure:
    """Angle between the models' weight rows of this node.

    Args:
        names: of the models, the pretrained one among them.
        degrees: (model, model), zero on the diagonal.
    """
    fig = theme.figure("Angle between the weight rows, degrees", height=height)
    text = [[f"{value:.0f}" for value in row] for row in degrees]
    fig.add_heatmap(
        x=list(names), y=list(names), z=degrees, colorscale=theme.SEQUENTIAL, showscale=False, zmin=0, xgap=1, ygap=1,
        text=text, texttemplate="%{text}",
        hovertemplate="%{y} and %{x}: rows %{z:.1f} degrees apart<extra></extra>",
    )  # fmt: skip
    fig.update_yaxes(autorange="reversed", showgrid=False, ticks="")
    fig.update_xaxes(tickangle=-40, showgrid=False, ticks="")
    return fig
