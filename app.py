"""M-Loss Lab: `streamlit run app.py`. A page is a row of `PAGES`, a file in `pages` and a folder in `ui`."""

from pathlib import Path

import streamlit as st

from ui import frame, jobs, kept_files, reruns, state

# By heading of the navigation: name of the file, title, icon, and help. The first page is the one that `/` opens.
PAGES = {
    "Explore": [
        ("overview", "Overview", "home", "The open zoo: its models, how well they do, and what this is about."),
        ("mloss_map", "M-Loss map", "grid_on", "Where the models disagree, block by block and node by node."),
        ("mergeability", "Mergeability", "scatter_plot", "Which pairs of models get along before they are merged."),
    ],
    "Merge": [
        ("merge", "Merge", "merge", "Build merges and compare them with the Ensemble."),
        ("what_if", "What-if", "tune", "Move one choice of a merge and see at once what it changes."),
        ("inspect", "Inspect", "image_search", "The images that one model gets wrong and another right."),
    ],
    "Understand": [
        ("predictor", "Predictor", "query_stats", "How well metrics foretell which pairs merge well."),
        ("theory", "Theory", "function", "What M-Loss means for one node, with sliders."),
    ],
}
FIRST = next(iter(PAGES.values()))[0][0]

ASSETS = Path(__file__).parent / "ui" / "assets"

st.set_page_config(page_title="M-Loss Lab", page_icon=ASSETS / "icon.svg", layout="wide")


def main() -> None:
    """Draw the frame and the chosen page in it."""
    state.begin_run()
    st.logo(ASSETS / "logo.svg", size="large", icon_image=ASSETS / "icon.svg")
    pages = {heading: [_page(*row) for row in rows] for heading, rows in PAGES.items()}
    first = next(iter(pages.values()))
    # Streamlit serves the default page at `/` alone. A link that names it must open it as well.
    by_name = st.Page(lambda: None, title=first[0].title, url_path=FIRST, visibility="hidden")
    first.append(by_name)
    chosen = reruns.navigation(pages)
    if chosen is by_name:
        st.switch_page(first[0], query_params=st.query_params.to_dict())
    jobs.start_page()
    frame.start_worker()
    frame.zoo_panel()
    if frame.zoo_is_open():
        with state.one_step():
            chosen.run()
    # Last, because the page may have submitted jobs. Pages return early rather than stop, so that this is reached.
    frame.jobs_panel()
    state.end_run()


def _page(name: str, title: str, icon: str, words: str) -> "st.Page":
    default = name == FIRST
    return st.Page(
        f"pages/{name}.py",
        title=title,
        icon=f":material/{icon}:",
        url_path="" if default else name,
        help=words,
        default=default,
    )


reruns.install()
kept_files.install()
main()
