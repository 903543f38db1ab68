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
    "Merge": [
        ("merge", "Merge", "merge", "Build merges and compare them with the Ensemble."),
    ],
    "Understand": [
        ("theory", "Theory", "function", "What M-Loss means for one node, with sliders."),
    ],
}

ASSETS = Path(__file__).parent / "ui" / "assets"

st.set_page_config(page_title="M-Loss Lab", page_icon=ASSETS / "icon.svg", layout="wide")


def main() -> None:
    """Draw the frame and the chosen page in it."""
    st.logo(ASSETS / "logo.svg", size="large", icon_image=ASSETS / "icon.svg")
    groups = {group: [_page(*row) for row in rows if _file(row[0]).exists()] for group, rows in PAGES.items()}
    chosen = st.navigation({group: pages for group, pages in groups.items() if pages}, expanded=True)
    frame.start_worker()
    frame.zoo_panel()
    try:
        chosen.run()
    finally:
        # Also after a page that stopped early: the jobs it submitted must show.
        frame.jobs_panel()


def _file(name: str) -> Path:
    return Path(__file__).parent / "pages" / f"{name}.py"


def _page(name: str, title: str, icon: str, words: str) -> "st.Page":
    return st.Page(
        _file(name), title=title, icon=f":material/{icon}:", url_path=name, help=words, default=name == "overview"
    )


main()
