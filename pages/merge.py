"""The Merge page: build recipes on the left, compare what they give with the Ensemble on the right."""

import streamlit as st

from ui import frame
from ui.errors import guard
from ui.merge import state as merge_state
from ui.merge.builder import builder
from ui.merge.comparison import comparison

zoo = frame.page("Merge", "How close does one merged model come to the Ensemble of all of them?")
entries = merge_state.entries(zoo)
merge_state.mirror(zoo)
note = merge_state.take_note()
if note:
    st.warning(note, icon=":material/link_off:")
left, right = st.columns([0.3, 0.7], gap="medium")
with left, guard():
    draft, profile = builder(zoo, entries)
    with right, guard():
        comparison(zoo, entries, draft, profile)
