"""Pictures of the tiny layer: the task vectors with what is trimmed, M-Loss of each node, and the keep rates."""

import numpy as np
import plotly.graph_objects as go

from ui import theme
from ui.formats import engineering
from ui.theory.layer import COLUMNS, ROWS, Layer

_NODES = [f"node {row}" for row in range(ROWS)]


def vectors_figure(layer: Layer, height: int = 330) -> go.Figure:
    """Task vectors of all models side by side, one row a node; a cross marks what is trimmed."""
    models = len(layer.vectors)
    fig = theme.figure("Row i makes node i: changes of each model", x="Input", height=height)
    fig.update_layout(margin={"t": 64, "b": 52})
    largest = float(np.abs(layer.vectors).max())
    gap = 0.03
    width = (1 - gap * (models - 1)) / models
    for model in range(models):
        axis = "x" if model == 0 else f"x{model + 1}"
        _panel(fig, layer, model, axis, largest)
        left = model * (width + gap)
        fig.update_layout(
            {
                f"xaxis{axis[1:]}": {
                    "domain": [left, left + width],
                    "anchor": "y",
                    "showgrid": False,
                    "fixedrange": True,
                    "ticks": "",
                    "title": {"text": "Input", "standoff": 8},
                    "dtick": 3,
                    "tickmode": "linear",
                    "tick0": 0,
                    "range": [-0.5, COLUMNS - 0.5],
                    "automargin": False,
                }
            }
        )
        fig.add_annotation(
            x=left + width / 2,
            y=1,
            xref="paper",
            yref="paper",
            text=f"Model {model + 1}",
            showarrow=False,
            yanchor="bottom",
            font={"color": theme.MUTED},
        )
    _rows(fig)
    return fig


def nodes_figure(layer: Layer, height: int = 330) -> go.Figure:
    """M-Loss of each node from its rows, before and after trimming; logarithmic."""
    fig = theme.figure("M-Loss of each node", x="M-Loss (logarithmic)", height=height)
    fig.update_layout(margin={"t": 64, "b": 52})
    for row in range(ROWS):
        fig.add_scatter(
            x=[layer.trimmed_mloss[row], layer.mloss[row]],
            y=[_NODES[row]] * 2,
            mode="lines",
            hoverinfo="skip",
            line={"color": theme.MUTED, "width": 1},
            showlegend=False,
        )
    fig.add_scatter(
        x=layer.mloss,
        y=_NODES,
        mode="markers",
        name="before",
        marker={"color": theme.ACCENT, "size": 11},
        text=[
            f"rank {rank} of {ROWS}, rows {angle:.0f}° apart: M-Loss {engineering(value)}"
            for rank, angle, value in zip(layer.ranks, layer.angles, layer.mloss, strict=True)
        ],
        hovertemplate="%{y}, %{text}<extra></extra>",
    )
    fig.add_scatter(
        x=layer.trimmed_mloss,
        y=_NODES,
        mode="markers",
        name="trimmed",
        marker={"color": theme.CATEGORY[1], "size": 8, "symbol": "diamond"},
        text=[engineering(value) for value in layer.trimmed_mloss],
        hovertemplate="%{y} after trimming: M-Loss %{text}<extra></extra>",
    )
    fig.update_xaxes(type="log", dtick=1, exponentformat="power", fixedrange=True, automargin=False)
    _rows(fig, named=False)
    return fig


def rates_figure(layer: Layer, keep_rate: float, height: int = 330) -> go.Figure:
    """Keep rate of each row, in percent, with k as a line."""
    fig = theme.figure("Keep rate k − e · rank", x="Kept, %", height=height)
    fig.update_layout(margin={"t": 64, "b": 52})
    fig.add_bar(
        x=100 * layer.rates,
        y=_NODES,
        orientation="h",
        marker_color=theme.ACCENT,
        textposition="inside",
        text=[f"{count} of {COLUMNS}" for count in layer.counts],
        insidetextanchor="end",
        showlegend=False,
        customdata=layer.ranks,
        hovertemplate="%{y}, rank %{customdata} of 6: keep rate %{x:.0f} %, %{text} changes stay<extra></extra>",
    )
    fig.add_vline(x=100 * keep_rate, line={"color": theme.INK, "width": 1, "dash": "dash"})
    fig.update_xaxes(range=[0, 103], tickvals=[0, 50, 100], fixedrange=True, automargin=False)
    _rows(fig, named=False)
    return fig


def _panel(fig: go.Figure, layer: Layer, model: int, axis: str, largest: float) -> None:
    vector, kept = layer.vectors[model], layer.kept[model]
    words = np.where(kept, "stays", "is trimmed")
    fig.add_heatmap(
        x=list(range(COLUMNS)),
        y=_NODES,
        z=vector,
        zmin=-largest,
        zmax=largest,
        colorscale=theme.DIVERGING,
        showscale=False,
        text=words,
        xaxis=axis,
        opacity=1,
        hovertemplate=f"Model {model + 1}, %{{y}}, input %{{x}}: change %{{z:.3f}} %{{text}}<extra></extra>",
    )
    rows, columns = np.nonzero(~kept)
    fig.add_scatter(
        x=columns,
        y=[_NODES[row] for row in rows],
        mode="markers",
        xaxis=axis,
        hoverinfo="skip",
        showlegend=False,
        marker={"symbol": "x-thin", "size": 9, "line": {"color": theme.INK, "width": 1.2}},
    )


def _rows(fig: go.Figure, named: bool = True) -> None:
    """The nodes from top to bottom. The pictures stand side by side, so one of them names the nodes for all."""
    fig.update_yaxes(
        categoryorder="array",
        categoryarray=_NODES,
        range=[ROWS - 0.5, -0.5],
        showgrid=not named,
        ticks="",
        fixedrange=True,
        showticklabels=named,
    )
    fig.update_layout(dragmode=False)
