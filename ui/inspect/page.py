"""The Inspect page, put together: two models and a task on top, who is right, the images, and four closer looks."""

import numpy as np
import streamlit as st

from mloss_core.evaluation.inspection.answers import Inspection
from ui import jobs, state
from ui.errors import guard
from ui.formats import plain
from ui.inspect import state as inspect_state
from ui.inspect.blocks import blocks_tab
from ui.inspect.calibration import calibration_tab
from ui.inspect.choices import Choice, choose
from ui.inspect.confusion import confusion_tab
from ui.inspect.features import features_tab
from ui.inspect.fields import field_choice, headline
from ui.inspect.gallery import MARGINS, download, gallery, list_words
from ui.zoo.facts import ZooFacts
from ui.zoo.needs import accuracy_needs

TABS = ("Confusion", "Blocks", "Features", "Calibration")


@guard()
def inspect_page(zoo: ZooFacts) -> None:
    """Draw the page below its title."""
    choice = choose(zoo)
    sentence = accuracy_needs(zoo, (choice.task,))
    if sentence:
        st.info(sentence.replace("Accuracies need", "Answers need", 1), icon=":material/info:")
        return
    if choice.a.key == choice.b.key:
        st.info("A and B are the same model: choose another one to compare it with.", icon=":material/info:")
        return
    result = jobs.job_result(
        "inspect", "inspect", choice.request(zoo), label=f"Asking both models about {choice.task}", reserve=420
    )
    if result.payload is None:
        return
    inspection = Inspection.from_entry(result.payload.meta, result.payload.arrays)
    _answers(zoo, choice, inspection, result.stale)
    _closer(zoo, choice, inspection, result.stale)


def _answers(zoo: ZooFacts, choice: Choice, inspection: Inspection, stale: bool) -> None:
    a, b = (choice.label(side.key, side.model) for side in (inspection.a, inspection.b))
    st.markdown(headline(inspection, a, b))
    left, right = st.columns([0.36, 0.64], gap="medium")
    with left:
        field = field_choice(inspection, a, b, stale)
        st.caption(f"A: {plain(a)} · B: {plain(b)}. Click a number to see its images.")
        with st.container(horizontal=True):
            images = inspection.images(field)
            download(inspection, images, choice, field, "These images (CSV)", "in_get_field")
            download(inspection, np.arange(len(inspection.index)), choice, "answers", "All (CSV)", "in_get_all")
    with right:
        st.markdown(list_words(inspection, field, len(images)), help=MARGINS)
        gallery(zoo, choice, inspection, images, inspect_state.FIRST_LIST)


def _closer(zoo: ZooFacts, choice: Choice, inspection: Inspection, stale: bool) -> None:
    tabs = st.tabs(TABS, key=inspect_state.TAB, on_change="rerun", bind=state.BIND)
    views = (confusion_tab, blocks_tab, features_tab, calibration_tab)
    for tab, view in zip(tabs, views, strict=True):
        if tab.open:
            with tab, guard():
                view(zoo, choice, inspection, stale)
