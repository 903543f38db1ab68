"""The published tables of the M-Loss project, beside our own and never among them."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from mloss_core.evaluation.published import PAPER, SOURCE, TASKS, TITLES, PublishedRow, published_rows, reading_notes
from ui import state

_TABLE = state.key("mg", "paper_table")
_BACKBONES = ("ViT-B/32", "ViT-L/14")


def published_frame(rows: Sequence[PublishedRow]) -> pd.DataFrame:
    """Published rows in percent, variance in percent squared."""
    return pd.DataFrame(
        [
            {
                "Backbone": row.backbone, "Method": row.method, "Setting": row.setting, "Blocks": row.blocks,
                "Average": 100 * row.average, **{task: 100 * row.accuracy[task] for task in TASKS},
                "Variance": 1e4 * row.variance,
            }
            for row in rows
        ]
    )  # fmt: skip


def published_tab() -> None:
    """One of the three tables, and how to read them honestly."""
    st.markdown(
        f"**Published figures, not measured here**: accuracies in percent from the [project's page]({SOURCE}) and "
        f"[paper]({PAPER}), eight photographic datasets. They cannot be compared with this zoo's numbers."
    )
    number = st.segmented_control(
        "Table", list(TITLES), default=1, required=True, key=_TABLE, bind=state.BIND,
        format_func=lambda number: f"Table {number}", label_visibility="collapsed",
    )  # fmt: skip
    number = number if number in TITLES else 1
    frame = published_frame(published_rows(number))
    formats = {name: st.column_config.NumberColumn(format="%.2f", width="small") for name in ("Average", *TASKS)}
    formats["Variance"] = st.column_config.NumberColumn("Variance %²", format="%.0f", width="small")
    formats["Method"] = st.column_config.TextColumn(pinned=True)
    shown = [name for name in frame.columns if frame[name].astype(str).str.len().any()]
    st.markdown(f"{TITLES[number]}")
    st.dataframe(
        frame, hide_index=True, column_config=formats, column_order=shown, height="content", key=f"mg_paper_{number}",
        alt=f"Published accuracies, {TITLES[number]}",
    )  # fmt: skip
    st.markdown("**How to read them**")
    for heading, sentences in reading_notes():
        st.markdown(f"- **{heading}.** {sentences}")
