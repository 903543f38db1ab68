"""Theory: what M-Loss means for one node, why nearby fine-tunes merge, and how a node's M-Loss sets its keep rate."""

import streamlit as st

from ui import frame, state
from ui.theory.controls import TAB, TABS
from ui.theory.view import distance_exhibit, node_exhibit, row_exhibit

frame.page(
    "Theory", "When does averaging the weights of several models give the same answer as averaging their answers?"
)
for tab, exhibit in zip(
    st.tabs(TABS, key=TAB, on_change="rerun", bind=state.BIND),
    (node_exhibit, distance_exhibit, row_exhibit),
    strict=True,
):
    if tab.open:
        with tab:
            exhibit()
