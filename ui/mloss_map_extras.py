"""What stands beside the map: facts of the measurement, its download, and how many images are enough."""

import streamlit as st

from ui import state
from ui.formats import count, seconds, short_digest
from ui.jobs import Result
from ui.mloss_map_controls import PAGE
from ui.mloss_map_data import MapData, table


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
        "Download CSV", lambda: table(data).to_csv(index=False), file_name=f"mloss_{digest}.csv",
        mime="text/csv", icon=":material/download:", on_click="ignore", width="stretch", key=state.key(PAGE, "csv"),
        help="One row a node: block, site, node, M-Loss and its standard error.",
    )  # fmt: skip


def stability_section(result: Result, data: MapData) -> None:
    pass
