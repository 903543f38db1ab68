"""The M-Loss map page, put together: choices on the left, the map beside them, the open node and the doubts below."""

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from mloss_core.mloss.report import MLossReport
from ui import jobs
from ui.mloss_map.controls import Measured, group_control, measured_controls, shown_controls
from ui.mloss_map.extras import measurement_facts, stability_section
from ui.mloss_map.node_card import node_section
from ui.mloss_map.node_choice import chosen_node
from ui.mloss_map.view import draw_awaited, draw_map
from ui.zoo.facts import ZooFacts
from ui.zoo.needs import image_needs


def mloss_map(zoo: ZooFacts) -> None:
    """Draw the page."""
    left, main = st.columns([1, 4.2], gap="medium")
    with left:
        measured = measured_controls(zoo)
        group = group_control(zoo)
        aside = st.container()
    if len(measured.tasks) < 2:
        main.info("Choose at least two models on the left: M-Loss compares models.", icon=":material/info:")
        return
    sentence = image_needs(zoo, "M-Loss needs", measured.tasks)
    if sentence:
        main.info(sentence, icon=":material/info:")
        return
    _measured_map(zoo, measured, group, main, aside)


def _measured_map(zoo: ZooFacts, measured: Measured, group: int, main: DeltaGenerator, aside: DeltaGenerator) -> None:
    with main:
        shown = shown_controls(zoo)
        result = jobs.job_result(
            "map",
            "measure",
            measured.params(zoo),
            label="Measuring M-Loss",
            aside=aside,
            awaited=lambda: draw_awaited(zoo.layers, zoo.nodes, group),
        )
        if result.payload is None:
            return
        report = MLossReport.from_entry(result.payload.meta, result.payload.arrays)
        chosen = chosen_node(report)
        draw_map(report, report.groups(group), shown, chosen, result.stale)
    with aside:
        measurement_facts(result, report)
    node_section(zoo, result, report, chosen)
    stability_section(zoo, measured)
