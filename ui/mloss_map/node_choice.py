"""Which node is open: chosen by a click, by its numbers, or by stepping through the nodes in order of M-Loss."""

import streamlit as st

from mloss_core.mloss.report import MLossReport
from ui import state
from ui.mloss_map.cells import order_of

BLOCK = state.key("map", "block")
NODE = state.key("map", "node")


def choose(cell: tuple[int, int]) -> None:
    """Open this (block, node); call it from a widget's callback, before the number inputs are made."""
    for name, number in zip((BLOCK, NODE), cell, strict=True):
        state.put(name, number)


def chosen_node(report: MLossReport) -> tuple[int, int] | None:
    """The open (block, node), if it exists in this map, and what the link says of it brought up to date.

    Links may carry anything, so what they say is checked. The inputs are not bound to the link themselves, because a
    bound widget that a click sets writes the link only one run later.
    """
    for name, largest in ((BLOCK, max(report.blocks)), (NODE, report.nodes - 1)):
        held = st.session_state.get(name, state.read_whole(name, 0, largest))
        st.session_state[name] = held if held is not None and 0 <= held <= largest else None
    block, node = st.session_state[BLOCK], st.session_state[NODE]
    chosen = (block, node) if block in report.blocks and node is not None else None
    state.write(BLOCK, chosen and chosen[0])
    state.write(NODE, chosen and chosen[1])
    return chosen


def node_controls(report: MLossReport, chosen: tuple[int, int] | None) -> None:
    """Number inputs for the node, and steps to its neighbours by M-Loss."""
    order = order_of(report)
    place = order.index(chosen) if chosen in order else None
    with st.container(horizontal=True, vertical_alignment="bottom"):
        st.number_input("Block", min(report.blocks), max(report.blocks), key=BLOCK, value=None, width=110)
        st.number_input("Node", 0, report.nodes - 1, key=NODE, value=None, width=110)
        if place is None:
            _step("Open the most conflicted node", "arrow_upward", order[0])
            return
        _step("More conflicted", "chevron_left", order[place - 1] if place else None)
        _step("Less conflicted", "chevron_right", order[place + 1] if place + 1 < len(order) else None)
        _step("Most conflicted", "first_page", order[0] if place else None)


def node_place(report: MLossReport, chosen: tuple[int, int]) -> int:
    """Place of a node in the order of M-Loss, 1 for the most conflicted."""
    return order_of(report).index(chosen) + 1


def _step(label: str, icon: str, target: tuple[int, int] | None) -> None:
    st.button(
        label,
        icon=f":material/{icon}:",
        disabled=target is None,
        on_click=choose,
        args=(target,),
        key=state.key("map", f"step_{icon}"),
    )
