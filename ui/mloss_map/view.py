"""The map itself: heatmap with block profile, what there is to notice, and the click that opens a node."""

from typing import Any

import streamlit as st

from mloss_core.mloss.notice import notice
from mloss_core.mloss.report import MLossReport, NodeGroups
from ui import state, theme
from ui.formats import percent
from ui.mloss_map.cells import keep_rates
from ui.mloss_map.controls import PAGE, Shown
from ui.mloss_map.heatmap import awaited_figure, keep_figure, mloss_figure
from ui.mloss_map.node_choice import choose

CHART = state.key(PAGE, "heatmap")


def parse_cell(text: Any, report: MLossReport) -> tuple[int, int] | None:
    """The (block, node) that a clicked point carries, or None when it is no such pair of this map."""
    block, _, node = str(text).partition(":")
    if not (block.isdigit() and node.isdigit()):
        return None
    chosen = int(block), int(node)
    return chosen if chosen[0] in report.blocks and chosen[1] < report.nodes else None


def draw_awaited(blocks: int, nodes: int, group: int) -> None:
    """The map's frame while nothing is measured yet."""
    theme.show(awaited_figure(blocks, nodes, group), key=f"{CHART}_awaited", alt="The map is being measured.")


def draw_map(report: MLossReport, cells: NodeGroups, shown: Shown, chosen: tuple[int, int] | None, stale: bool) -> None:
    """The heatmap; a click chooses the cell's most conflicted node."""

    def clicked() -> None:
        cell = parse_cell(theme.selected_id(st.session_state.get(CHART)), report)
        if cell is not None:
            choose(cell)

    if shown.view == "Keep rate":
        rates = keep_rates(report, shown.keep_rate, shown.span, shown.blocks)
        fig = keep_figure(report, cells, rates, chosen)
        words = (
            f"These rates keep {percent(float(rates.mean()))} of the rows' weights on average, where k alone would "
            f"keep {percent(shown.keep_rate)}: compare merges at equal budget."
        )
    else:
        fig, words = mloss_figure(report, cells, shown.scale, chosen), notice(report.blocks, report.values)
    theme.show(
        fig, key=CHART, alt=f"Heatmap of {shown.view} by block and node. {words}", on_select=clicked, stale=stale
    )
    st.markdown(f":material/lightbulb: {words}")
