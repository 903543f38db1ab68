"""The Merge page, put together: recipes are built on the left and compared with the Ensemble on the right."""

import streamlit as st

from ui.errors import guard
from ui.formats import plain
from ui.merge import state
from ui.merge.builder import builder
from ui.merge.comparison import comparison
from ui.zoo.facts import ZooFacts


def merge_page(zoo: ZooFacts) -> None:
    """Draw the page below its title."""
    entries = state.entries(zoo)
    state.mirror(zoo)
    note = state.take_note()
    if note:
        st.warning(plain(note), icon=":material/link_off:")
    left, right = st.columns([0.3, 0.7], gap="medium")
    with left, guard():
        draft, profile = builder(zoo, entries)
        with right, guard():
            comparison(zoo, entries, draft, profile)
