"""M-Loss map: where the models disagree, block by block and node by node."""

import streamlit as st

from ui import frame, jobs
from ui.figures.heatmap import heatmap_height
from ui.mloss_map_controls import group_control, measured_controls, shown_controls
from ui.mloss_map_data import gather
from ui.mloss_map_extras import measurement_facts, stability_section
from ui.mloss_map_payload import map_of
from ui.mloss_map_view import draw_map
from ui.node_card import node_section
from ui.node_choice import chosen_node

zoo = frame.page("M-Loss map", "Where do the fine-tuned models disagree, and how sure can we be of it?")
left, main = st.columns([1, 4.2], gap="medium")
with left:
    measured = measured_controls(zoo)
    group = group_control(zoo)
    aside = st.container()
with main:
    if len(measured.tasks) < 2:
        st.info("Choose at least two models on the left: M-Loss compares models.", icon=":material/info:")
        st.stop()
    shown = shown_controls(zoo)
    result = jobs.job_result(
        "map", "measure", measured.params(zoo), label="Measuring M-Loss", aside=aside,
        reserve=heatmap_height(zoo.layers),
    )  # fmt: skip
    if result.payload is None:
        st.stop()
    data = map_of(result.payload)
    chosen = chosen_node(data)
    draw_map(data, gather(data, group), shown, chosen, result.stale)
with aside:
    measurement_facts(result, data)
node_section(zoo, result, data, chosen)
stability_section(zoo, measured)
