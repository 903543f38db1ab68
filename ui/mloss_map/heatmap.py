"""The M-Loss heatmap with its block profile: blocks from top to bottom, node groups from left to right."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mloss_core.mloss.report import MLossReport, NodeGroups
from ui import theme
from ui.formats import measured, times_ten
from ui.mloss_map.cells import cell_text, scaled

MANY_CELLS = 4000
"""From here on the click layer is drawn by WebGL, which stays quick."""
_PER_BLOCK = 26
_FEW_DECADES = 3
_EDGES = 98


def heatmap_height(blocks: int) -> int:
    """Height in pixels that gives every block a readable row and still fits a laptop screen."""
    return _EDGES + blocks * (_PER_BLOCK if blocks <= 14 else 17)


def mloss_figure(
    report: MLossReport, cells: NodeGroups, scale: str, chosen: tuple[int, int] | None = None
) -> go.Figure:
    """M-Loss by block and node group, with the block means beside it.

    Args:
        chosen: the (block, node) whose card is open: its cell gets a frame.
    """
    unit = _unit(float(cells.mloss.max()))
    factor = 10.0**-unit
    z = scaled(cells.mloss, scale) * (factor if scale == "Linear" else 1.0)
    words = "Share of the block's largest" if scale == "Per block" else f"M-Loss, {_times(unit)}"
    bar = theme.colourbar(words, **(_log_ticks(z, unit) if scale == "Log" else {}), **_BAR)
    means = _means_title(f"Block mean, {_times(unit)}") | {"rangemode": "tozero"}
    fig = _frame(f"M-Loss of every {_cell_word(cells)}", report.blocks, report.nodes, _group_size(cells), means)
    ends = {"zmin": 0.0, "zmax": float(z.max())} if scale != "Log" and z.max() > 0 else {}
    fig.add_traces(
        [
            _tiles(report, cells, z, bar, **ends),
            _clicks(report, cells, cell_text(report, cells)),
            _profile(report, factor),
        ]
    )
    _mark(fig, report, cells, chosen)
    return fig


def awaited_figure(blocks: int, nodes: int, group: int) -> go.Figure:
    """The map's empty frame, shown while the first measurement is on its way: the browser has its chart code ready."""
    means = _means_title("Block mean") | {"range": [0, 1], "showticklabels": False}
    fig = _frame("M-Loss of every node group", range(blocks), nodes, group, means)
    # One invisible bar, so that the axes of the block means are drawn too.
    return fig.add_trace(go.Bar(x=[0], y=[0], orientation="h", xaxis="x2", hoverinfo="skip", opacity=0))


def keep_figure(
    report: MLossReport, cells: NodeGroups, rates: np.ndarray, chosen: tuple[int, int] | None = None
) -> go.Figure:
    """The keep rate of every node group that k and e would give, with the block means beside it.

    Args:
        rates: keep rate of every node (block, node), fractions.
    """
    counts = cells.last - cells.first + 1
    shown = 100 * np.add.reduceat(rates, cells.first, axis=1) / counts
    axis = _means_title("Block mean, %") | {"range": [0, 100], "tickvals": [0, 50, 100]}
    fig = _frame(f"Keep rate of every {_cell_word(cells)}", report.blocks, report.nodes, _group_size(cells), axis)
    low, high = float(shown.min()), float(shown.max())
    ends = {"zmin": low, "zmax": high} if high > low else {"zmin": low - 1, "zmax": high + 1}
    # Reversed, so that the nodes that lose most carry the ink, as the most conflicted ones do in the map.
    tiles = _tiles(report, cells, shown, theme.colourbar("Kept, %", **_BAR), **ends).update(reversescale=True)
    text = [
        f"{mloss}<br>Keeps {value:.1f} % of its weights"
        for mloss, value in zip(cell_text(report, cells), shown.ravel(), strict=True)
    ]
    bars = go.Bar(
        x=100 * rates.mean(axis=1),
        y=list(report.blocks),
        orientation="h",
        marker_color=theme.ACCENT,
        xaxis="x2",
        hovertemplate="Block %{y} keeps %{x:.1f} % of its rows' weights on average<extra></extra>",
    )
    fig.add_traces([tiles, _clicks(report, cells, text), bars])
    _mark(fig, report, cells, chosen)
    return fig


_BAR = {"len": 1.0, "y": 0.5, "x": 1.0}


def _frame(title: str, blocks: Sequence[int], nodes: int, size: int, means: dict[str, Any]) -> go.Figure:
    """Both axes pairs, written out in one go: assembling them step by step costs a quarter of a second.

    Args:
        size: nodes of a group.
        means: more of the axis of block means: its title, range, type.
    """
    words = "Node of the block" if size == 1 else f"Node of the block, in groups of {size}"
    # A drag would move the map away under the reader's hand; there is nothing to see beyond its edges.
    still = {"fixedrange": True, "zeroline": False}
    fig = theme.figure(title, height=heatmap_height(len(blocks)))
    fig.update_layout(
        bargap=0.3,
        showlegend=False,
        margin_t=38,
        xaxis={
            **still,
            "domain": [0, 0.785],
            "range": [-0.5, nodes - 0.5],
            "showgrid": False,
            "title": {"text": words, "standoff": 8},
        },
        xaxis2={**still, "domain": [0.8, 1], "anchor": "y", "showgrid": True, "nticks": 4, **means},
        yaxis={
            **still,
            "range": [max(blocks) + 0.5, min(blocks) - 0.5],
            "tick0": 0,
            "dtick": 1 if len(blocks) <= 14 else 2,
            "showgrid": False,
            "title": {"text": "Block", "standoff": 6},
        },
    )
    return fig


def _group_size(cells: NodeGroups) -> int:
    return int(cells.last[0] - cells.first[0] + 1)


def _cell_word(cells: NodeGroups) -> str:
    return "node" if _group_size(cells) == 1 else "node group"


def _means_title(words: str) -> dict[str, Any]:
    return {"title": {"text": words, "standoff": 8}}


def _tiles(report: MLossReport, cells: NodeGroups, z: np.ndarray, bar: dict, **ends: float) -> go.Heatmap:
    gap = 1 if len(cells.first) <= 80 else 0
    return go.Heatmap(
        x=cells.centre,
        y=list(report.blocks),
        z=z,
        colorscale=theme.SEQUENTIAL,
        colorbar=bar,
        hoverinfo="skip",
        xgap=gap,
        ygap=1,
        **ends,
    )


def _clicks(report: MLossReport, cells: NodeGroups, text: Sequence[str]) -> go.Scatter | go.Scattergl:
    rows, groups = cells.mloss.shape
    ids = [f"{block}:{node}" for block, nodes in zip(report.blocks, cells.worst, strict=True) for node in nodes]
    layer = theme.click_layer(
        np.tile(cells.centre, rows), np.repeat(report.blocks, groups), text, ids, size=max(4, min(22, 800 // groups))
    )
    return go.Scattergl(layer.to_plotly_json() | {"type": "scattergl"}) if rows * groups > MANY_CELLS else layer


def _profile(report: MLossReport, factor: float) -> go.Bar:
    text = [
        f"Block {block}: mean M-Loss {measured(value, error)}"
        for block, value, error in zip(report.blocks, report.layer_values, report.layer_errors, strict=True)
    ]
    return go.Bar(
        x=report.layer_values * factor,
        y=list(report.blocks),
        orientation="h",
        marker_color=theme.ACCENT,
        xaxis="x2",
        error_x={"type": "data", "array": report.layer_errors * factor, "thickness": 1, "width": 2, "color": theme.INK},
        hovertext=text,
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _mark(fig: go.Figure, report: MLossReport, cells: NodeGroups, chosen: tuple[int, int] | None) -> None:
    if chosen is None or chosen[0] not in report.blocks or not 0 <= chosen[1] < report.nodes:
        return
    block, node = chosen
    group = int(np.searchsorted(cells.last, node))
    fig.add_shape(
        type="rect",
        x0=cells.first[group] - 0.5,
        x1=cells.last[group] + 0.5,
        y0=block - 0.5,
        y1=block + 0.5,
        line={"color": theme.INK, "width": 2},
    )


def _unit(largest: float) -> int:
    return 3 * math.floor(math.log10(largest) / 3) if largest > 0 else 0


def _times(unit: int) -> str:
    return times_ten(unit).strip() or "mean square"


def _log_ticks(z: np.ndarray, unit: int) -> dict[str, Any]:
    """Ticks at 1, 2 and 5 times powers of ten, or at the powers alone where there are many."""
    low, high = float(z.min()), float(z.max())
    decades = range(math.floor(low), math.ceil(high) + 1)
    steps = (1, 2, 5) if high - low < _FEW_DECADES else (1,)
    ticks = [math.log10(step) + decade for decade in decades for step in steps]
    shown = [tick for tick in ticks if low <= tick <= high]
    return {"tickvals": shown, "ticktext": [f"{10 ** (tick - unit):g}" for tick in shown]}
