"""All images of encoders too slow for that to be live: asked for by a button, measured as a job, shown in place."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from ui import formats, jobs

KIND = "live"
_ASKED = "_wi_whole"
_FIGURES = ("row", "errors", "individual", "agreement", "agreement_error", "images", "stage")


def with_all_images(state: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """The state with the figures of all images in place of the estimate, if they were measured.

    Args:
        state: the last one of a live recipe. params: of its request.
    """
    found = jobs.known(KIND, params) if "left" in state else None
    if found is None:
        return dict(state)
    rest = {name: value for name, value in state.items() if name != "left"}
    return rest | {name: found.meta[name] for name in _FIGURES}


def whole_part(state: Mapping[str, Any], params: Mapping[str, Any]) -> None:
    """The button, or how far the job is; nothing where all images are there already."""
    if "left" not in state:
        return
    left = state["left"]
    if st.session_state.get(_ASKED) == params:
        jobs.job_payload(KIND, params, label=f"Measuring on {formats.count(left['images'])} images")
        return
    words = f"All {formats.count(left['images'])} images take about {formats.seconds(left['seconds'])}"
    st.button(
        "Measure on all images",
        key="wi_whole",
        icon=":material/play_arrow:",
        on_click=st.session_state.update,
        args=({_ASKED: dict(params)},),
        help=f"{words}, by a guess. Runs as a job; the sliders stay live meanwhile.",
    )
