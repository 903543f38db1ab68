"""What stands beside the map: facts of the measurement, its download, and how many images are enough."""

import dataclasses

import pandas as pd
import streamlit as st

from mloss_core.mloss.report import MLossReport
from mloss_core.mloss.sampling import stability_curve
from ui import jobs, state, theme
from ui.formats import count, plain, seconds, short_digest
from ui.jobs import Result
from ui.mloss_map.cells import table
from ui.mloss_map.controls import IMAGES, PAGE, Measured
from ui.mloss_map.stability import stability_figure
from ui.zoo.facts import ZooFacts

FULL = 128
"""Images per task of the measurement that smaller ones are compared with."""


def measurement_facts(result: Result, report: MLossReport) -> None:
    """Images, time and digest of the measurement, and the download of every node."""
    if result.stale or result.payload is None:
        return
    digest = short_digest(report.digest)
    st.caption(f"{count(len(report.image_task))} images; measuring took {seconds(report.seconds)}. Digest `{digest}`.")
    for note in report.notes:
        st.caption(plain(note))
    st.download_button(
        "Download CSV",
        lambda: table(report).to_csv(index=False),
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
            report = MLossReport.from_entry(result.payload.meta, result.payload.arrays)
            _curve(report, measured.options.samples_per_task, result.stale)


def _curve(report: MLossReport, current: int, stale: bool) -> None:
    curve = stability(report.digest, report)
    if curve.empty:
        st.caption("This measurement kept no values of single images, so the curve cannot be drawn.")
        return
    theme.show(
        stability_figure(curve, current),
        key=state.key(PAGE, "stability"),
        stale=stale,
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
def stability(digest: str, _report: MLossReport) -> pd.DataFrame:
    """The curve of a large measurement; `digest` names the report, whose arrays are too large to be a key."""
    return stability_curve(_report, [count for count in IMAGES if count < FULL])
