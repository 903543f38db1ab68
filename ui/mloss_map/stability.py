"""How many images are enough: rank correlation of the nodes with the full set against the number of images."""

import math

import pandas as pd
import plotly.graph_objects as go

from ui import theme


def stability_figure(curve: pd.DataFrame, current: int, height: int = 300) -> go.Figure:
    """Mean and worst rank correlation over the blocks and draws, with the current number of images marked.

    Args:
        curve: columns samples_per_task, spearman_mean, spearman_worst.
        current: images per task that the page's map uses.
    """
    fig = theme.figure(
        "Node ranking against the ranking from all images",
        x="Images per task",
        y="Rank correlation (Spearman)",
        height=height,
    )
    counts = curve["samples_per_task"]
    hover = "%{x} images per task: rank correlation %{y:.3f} (%{fullData.name})<extra></extra>"
    for column, name, colour, dash in (
        ("spearman_mean", "mean of blocks and draws", theme.ACCENT, "solid"),
        ("spearman_worst", "worst block and draw", theme.MUTED, "dot"),
    ):
        fig.add_scatter(
            x=counts,
            y=curve[column],
            name=name,
            mode="lines+markers",
            line={"color": colour, "dash": dash},
            marker={"color": colour, "size": 6},
            hovertemplate=hover,
        )
    fig.add_vline(x=current, line={"color": theme.INK, "width": 1})
    # On a logarithmic axis annotations are placed by the logarithm, lines by the value.
    fig.add_annotation(
        x=math.log10(current),
        y=0,
        yref="paper",
        text="now",
        showarrow=False,
        xanchor="left",
        yanchor="bottom",
        xshift=4,
    )
    low, high = math.log10(min(counts.min(), current)), math.log10(max(counts.max(), current))
    fig.update_xaxes(
        type="log",
        tickvals=list(counts),
        ticktext=[str(count) for count in counts],
        range=[low - 0.1, high + 0.1],
        fixedrange=True,
    )
    fig.update_yaxes(range=[min(0.9, float(curve["spearman_worst"].min())) - 0.02, 1.005], fixedrange=True)
    return fig
