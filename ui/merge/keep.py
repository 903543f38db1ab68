"""The keep rates that follow from a measured M-Loss, before anything is merged: per block, and for every node."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mloss_core.merging.sparsifiers.keep_rates import keep_rate_profile
from mloss_core.vision.architecture import scored_weight
from ui import formats, theme

COLUMNS = 64
"""Nodes are gathered into at most this many columns of the heatmap."""


@dataclasses.dataclass(frozen=True)
class KeepProfile:
    """Row-wise keep rates of a recipe.

    Args:
        rates: float64 (nodes,) for each block, in node order, fractions.
        scores: M-Loss of the same nodes.
        guided: blocks whose rates follow M-Loss; the others keep `uniform` everywhere.
        uniform: keep rate k.
    """

    rates: Mapping[int, np.ndarray]
    scores: Mapping[int, np.ndarray]
    guided: tuple[int, ...]
    uniform: float

    @property
    def guided_mean(self) -> float:
        """Mean keep rate over the nodes of the guided blocks."""
        return float(np.concatenate([self.rates[block] for block in self.guided]).mean())

    @property
    def site_mean(self) -> float:
        """Mean keep rate over the nodes of all blocks."""
        return float(np.concatenate(list(self.rates.values())).mean())


def keep_profile(
    scores: Mapping[int, np.ndarray], options: Any, blocks: Sequence[int] | None, seed: int = 0
) -> KeepProfile:
    """The keep rates that `options` of an M-Loss guided method give.

    Args:
        scores: node M-Loss by block.
        options: the method's options record, with `keep_rate`, `span`, `ranking` and `schedule`.
        blocks: where M-Loss applies, None for everywhere.
        seed: of the random ranking.
    """
    guided = tuple(scores) if blocks is None else tuple(block for block in scores if block in set(blocks))
    rates = {
        block: keep_rate_profile(
            values,
            options.keep_rate,
            options.span,
            options.ranking,
            options.schedule,
            seed=seed,
            key=scored_weight(block),
        )
        if block in guided
        else np.full(len(values), options.keep_rate)
        for block, values in scores.items()
    }
    return KeepProfile(rates, scores, guided, options.keep_rate)


def budget_sentence(profile: KeepProfile) -> str:
    """What the profile keeps against the same keep rate everywhere, in one sentence."""
    if not profile.guided:
        return "No block is chosen, so every row keeps the same fraction."
    mean, uniform = profile.guided_mean, profile.uniform
    where = "all blocks" if len(profile.guided) == len(profile.rates) else f"blocks {formats.span(profile.guided)}"
    if abs(mean - uniform) < 5e-4:
        return f"Rows of {where} keep {percent(mean)} on average: the same budget as a uniform k."
    return f"Rows of {where} keep {percent(mean)} on average; a uniform k would keep {percent(uniform)}."


def percent(fraction: float) -> str:
    """A keep rate in percent with one decimal."""
    return f"{100 * fraction:.1f} %"


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
