"""The Theory page, put together: one tab an exhibit."""

import streamlit as st

from ui import state
from ui.theory.controls import TAB, TABS
from ui.theory.view import distance_exhibit, node_exhibit, row_exhibit

_EXHIBITS = (node_exhibit, distance_exhibit, row_exhibit)


def theory() -> None:
    """Draw the page below its title. Only the open tab is computed."""
    tabs = st.tabs(TABS, key=TAB, on_change="rerun", bind=state.BIND)
    for tab, exhibit in zip(tabs, _EXHIBITS, strict=True):
        if tab.open:
            with tab:
                exhibit()
