"""What stands beside the map: facts of the measurement, its download, and how many images are enough."""

import dataclasses
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pandas as pd
import streamlit as st

from ui import jobs, state, theme
from ui.formats import count, seconds, short_digest
from ui.jobs import Result
from ui.mloss_map.cells import MapData, table
from ui.mloss_map.controls import IMAGES, PAGE, Measured
from ui.mloss_map.stability import stability_figure
from ui.zoo.facts import ZooFacts

if TYPE_CHECKING:
    from mloss_core.lab.requests import Payload

FULL = 128
"""Images per task of the measurement that smaller ones are compared with."""


def measurement_facts(result: Result, data: MapData) -> None:
    """Images, time and digest of the measurement, and the download of every node."""
    if result.stale or result.payload is None:
        return
    meta = result.payload.meta
    images = len(result.payload.arrays["image_task"])
    digest = short_digest(meta["digest"])
    st.caption(f"{count(images)} images; measuring took {seconds(meta['seconds'])}. Digest `{digest}`.")
    for note in meta.get("notes", ()):
        st.caption(note)
    st.download_button(
        "Download CSV",
        lambda: table(data).to_csv(index=False),
        file_name=f"mloss_{digest}.csv",
        mime="text/csv",
        icon=":material/download:",
        on_click="ignore",
        width="stretch",
        key=state.key(PAGE, "csv"),
        help="One row a node: block, site, node, M-Loss and its standard error.",
    )


def stability_section(zoo: ZooFacts, measured: Measured) -> None:
    """How many images are enough: a larger measurement, made only when it is asked for, and the curve it gives."""
    box = st.expander(
        "How many images are enough?",
        key=state.key(PAGE, "enough"),
        on_change="rerun",
        bind=state.BIND,
        icon=":material/query_stats:",
    )
    if not box.open:
        return
    with box:
        options = dataclasses.replace(measured.options, samples_per_task=FULL)
        full = Measured(measured.tasks, options)
        result = jobs.job_result(
            "map_enough", "measure", full.params(zoo), label=f"Measuring on {FULL} images a task", reserve=300
        )
        if result.payload is not None:
            _curve(result, measured.options.samples_per_task)


def _curve(result: Result, current: int) -> None:
    curve = stability(result.payload.meta["digest"], result.payload)
    if curve.empty:
        st.caption("This measurement kept no values of single images, so the curve cannot be drawn.")
        return
    theme.show(
        stability_figure(curve, current),
        key=state.key(PAGE, "stability"),
        stale=result.stale,
        alt=f"Rank correlation with {FULL} images a task. {enough_sentence(curve, current)}",
    )
    st.markdown(f":material/lightbulb: {enough_sentence(curve, current)}")


def enough_sentence(curve: pd.DataFrame, current: int) -> str:
    """What the curve says about the current number of images."""
    rows = curve[curve["samples_per_task"] == current]
    if rows.empty:
        return f"{current} images a task is the largest set here; smaller ones are compared with it."
    mean, worst = float(rows["spearman_mean"].iloc[0]), float(rows["spearman_worst"].iloc[0])
    return (
        f"{current} images a task order the nodes of a block as {FULL} do with a rank correlation of {mean:.3f} on "
        f"average, {worst:.3f} in the worst block and draw. Small draws are part of the large set, which flatters them."
    )


@st.cache_data(show_spinner=False, max_entries=32)
def stability(digest: str, _payload: "Payload") -> pd.DataFrame:
    """The curve of a large measurement; `digest` names the payload, whose arrays are too large to be a key."""
    from mloss_core.mloss.sampling import stability_curve

    arrays = _payload.arrays
    per_image = {name: values for name, values in arrays.items() if name.startswith("per_image/")}
    images = SimpleNamespace(per_image=per_image, image_task=arrays["image_task"])
    return stability_curve(images, [count for count in IMAGES if count < FULL])
