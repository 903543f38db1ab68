"""Charts of the keep rates that follow from a measured M-Loss, before anything is merged."""

import numpy as np
import plotly.graph_objects as go

from mloss_core.merging.sparsifiers.keep_profiles import KeepProfile, budget_sentence, keep_profile
from ui import theme

__all__ = ["KeepProfile", "budget_sentence", "keep_bars", "keep_heatmap", "keep_profile"]

COLUMNS = 64
"""Nodes are gathered into at most this many columns of the heatmap."""


def keep_bars(profile: KeepProfile, height: int = 190) -> go.Figure:
    """Keep rates of each block: a dot for the mean, a bar from the least to the largest, a dotted line at k."""
    blocks = list(profile.rates)
    mean, low, high = (
        np.array([100 * fold(profile.rates[block]) for block in blocks]) for fold in (np.mean, np.min, np.max)
    )
    fig = theme.figure("Weights kept by block, %", height=height)
    colours = [theme.ACCENT if block in profile.guided else theme.MUTED for block in blocks]
    fig.add_bar(
        x=blocks, y=high - low, base=low, marker_color=colours, hoverinfo="skip", showlegend=False, opacity=0.45
    )
    fig.add_scatter(
        x=blocks,
        y=mean,
        mode="markers",
        marker={"color": colours, "size": 7},
        showlegend=False,
        customdata=np.stack([low, high], axis=1),
        hovertemplate="Block %{x}: %{y:.1f} % kept on average, from %{customdata[0]:.1f} to %{customdata[1]:.1f} %"
        "<extra></extra>",
    )
    fig.add_hline(y=100 * profile.uniform, line={"color": theme.MUTED, "width": 1, "dash": "dot"})
    fig.update_xaxes(tickmode="linear", dtick=1 if len(blocks) <= 12 else 4, tickangle=0, showgrid=False)
    fig.update_layout(margin={"t": 34, "l": 0, "r": 4, "b": 4})
    fig.update_yaxes(range=[max(0.0, min(low.min(), 100 * profile.uniform) - 8), min(103.0, high.max() + 5)])
    return fig


def keep_heatmap(profile: KeepProfile, title: str, height: int = 380) -> go.Figure:
    """Keep rate of every node, blocks top to bottom, nodes from the least to the most conflicted."""
    blocks = list(profile.rates)
    cells = np.stack([_columns(profile.rates[block], profile.scores[block]) for block in blocks])
    edges = np.linspace(0, 100, cells.shape[1] + 1)
    fig = theme.figure(
        title, x="Nodes of the block, from the least to the most conflicted, %", y="Block", height=height
    )
    fig.add_heatmap(
        z=100 * cells,
        x=(edges[:-1] + edges[1:]) / 2,
        y=blocks,
        xgap=0,
        colorscale=theme.SEQUENTIAL,
        colorbar=theme.colourbar("Kept, %"),
        hovertemplate="Block %{y}, nodes around place %{x:.0f} %: %{z:.1f} % kept<extra></extra>",
    )
    fig.update_yaxes(autorange="reversed", tickmode="linear", dtick=1 if len(blocks) <= 12 else 2, showgrid=False)
    fig.update_xaxes(showgrid=False)
    return fig


def _columns(rates: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Rates in ascending order of M-Loss, gathered into equal groups (mean of each)."""
    ordered = rates[np.argsort(scores, kind="stable")]
    return np.array([group.mean() for group in np.array_split(ordered, min(COLUMNS, len(ordered)))])
