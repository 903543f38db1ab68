"""M-Loss Lab: `streamlit run app.py`."""

from pathlib import Path

import streamlit as st

from ui import frame

PAGES = {
    "Explore": [
        ("overview", "Overview", "home", "The open zoo: its models, how well they do, and what this is about."),
        ("mloss_map", "M-Loss map", "grid_on", "Where the models disagree, block by block and node by node."),
        ("mergeability", "Mergeability", "scatter_plot", "Which pairs of models get along before they are merged."),
    ],
    "Merge": [("merge", "Merge", "merge", "Build merges and compare them with the Ensemble.")],
    "Understand": [("theory", "Theory", "function", "What M-Loss means for one node, with sliders.")],
}

ASSETS = Path(__file__).parent / "ui" / "assets"

st.set_page_config(page_title="M-Loss Lab", page_icon=ASSETS / "icon.svg", layout="wide")


def main() -> None:
    """Draw the frame and the chosen page in it."""
    st.logo(ASSETS / "logo.svg", size="large", icon_image=ASSETS / "icon.svg")
    chosen = st.navigation({group: [_page(*row) for row in rows] for group, rows in PAGES.items()}, expanded=True)
    frame.start_worker()
    frame.zoo_panel()
    if frame.zoo_is_open():
        chosen.run()
    # Last, because the page may have submitted jobs. Pages return early rather than stop, so that this is reached.
    frame.jobs_panel()


def _page(name: str, title: str, icon: str, words: str) -> "st.Page":
    return st.Page(
        f"pages/{name}.py",
        title=title,
        icon=f":material/{icon}:",
        url_path=name,
        help=words,
        default=name == "overview",
    )


main()
