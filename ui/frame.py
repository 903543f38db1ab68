"""The frame around every page: the open zoo, the device, running jobs, and the head of a page."""

import contextlib
from collections.abc import Mapping
from typing import Any

import streamlit as st
from streamlit.runtime.pages_manager import PagesManager

from mloss_core.errors import MLossCoreError, ZooError
from mloss_core.lab.devices import device_queue, devices
from mloss_core.zoo.embedded import DEFAULT_ZOO
from ui import jobs
from ui.errors import stop
from ui.formats import count, plain
from ui.state import BIND, DEVICE
from ui.zoo import choice as zoo_choice
from ui.zoo.facts import ZooFacts, zoo_facts

_MOST_LINES = 3
"""Jobs that have a line each in the sidebar; more share one."""
_DEVICE_WORDS = {"auto": "Automatic", "cpu": "CPU"}


def current_zoo() -> ZooFacts:
    """Facts of the open zoo; the page ends with one sentence when it cannot be opened."""
    _run_under_app()
    try:
        facts = _facts()
    except MLossCoreError as error:
        stop(error)
        raise
    if facts is None:
        stop("the zoo is still being opened.")
        raise ZooError("the zoo is still being opened.")
    return facts


def zoo_is_open() -> bool:
    """Whether pages can be drawn; if not, what is under way or wrong is drawn in their place."""
    try:
        zoo = zoo_choice.chosen()
        if zoo is None or zoo_choice.opened(zoo) is not None:
            return True
    except MLossCoreError as error:
        zoo_choice.refused(error)
        return False
    zoo_choice.opening(zoo)
    return False


def _facts() -> ZooFacts | None:
    zoo = zoo_choice.chosen()
    return zoo_facts(DEFAULT_ZOO) if zoo is None else zoo_choice.opened(zoo)


def page(title: str, question: str = "") -> ZooFacts:
    """Start a page: its title, the question it answers in one plain sentence, and the open zoo.

    The sentence may be left out where the title asks the question itself.

    Example:
        >>> zoo = frame.page("M-Loss map", "Where do the fine-tuned models disagree?")
    """
    _run_under_app()
    st.title(title, anchor=False)
    if question:
        st.markdown(f":gray[{question}]")
    return current_zoo()


def zoo_panel() -> None:
    """The sidebar's part about the open zoo and the device."""
    with st.sidebar:
        try:
            listed = zoo_choice.zoo_select()
            zoo = _facts()
        except MLossCoreError:
            zoo = None
        if zoo is None:
            st.caption("No zoo is open.")
            return
        with st.container(gap="xsmall"):
            if not listed:
                st.caption("Open zoo", help="A zoo is one pretrained encoder and its fine-tuned copies, one a task.")
            st.markdown(f"**{plain(zoo.title)}** · {len(zoo.tasks)} models")
            st.caption(f"{plain(zoo.backbone)}, {count(zoo.parameters)} weights a model")
        _device_choice()


def jobs_panel() -> None:
    """The sidebar's list of jobs that the page did not ask for. Draw it after the page, which shows its own."""
    with st.sidebar:
        if _elsewhere():
            _jobs_live()
        else:
            st.empty()


def start_worker() -> None:
    """Start the worker process of the chosen device once, so that it is warm when the first job comes.

    A cache folder that cannot be written shows where a page asks for work.
    """
    with contextlib.suppress(MLossCoreError):
        _worker(jobs.device())


def _run_under_app() -> None:
    """Start over through `app.py` when Streamlit ran the page without it.

    Until `st.navigation` has been called once, Streamlit takes a `pages` folder for an older kind of app. A link to a
    page that is the first thing a fresh server sees would show that page without its frame.
    """
    if getattr(PagesManager, "uses_pages_directory", False):
        PagesManager.uses_pages_directory = False
        st.rerun()


def _device_choice() -> None:
    names = devices()
    if len(names) > 1:
        st.selectbox(
            "Device",
            ["auto", *names],
            key=DEVICE,
            bind=BIND,
            format_func=device_words,
            help="Where encoders run. Automatic takes the first GPU.",
        )
    st.badge(device_words(device_queue(jobs.device())), icon=":material/memory:", color="gray")


def device_words(name: str) -> str:
    """A device for people: `cuda:0` is GPU 0."""
    return _DEVICE_WORDS.get(name, name.replace("cuda:", "GPU "))


@st.cache_resource(show_spinner=False, max_entries=8)
def _worker(device: str) -> Mapping[str, Any]:
    jobs.store().ensure_worker(device)
    return {"device": device}


def _elsewhere() -> list[Any]:
    try:
        return jobs.elsewhere()
    except (MLossCoreError, ImportError):
        return []


@st.fragment(run_every=jobs.SLOW)
def _jobs_live() -> None:
    active = _elsewhere()
    if not active:
        return
    st.caption("Other jobs")
    if len(active) > _MOST_LINES:
        first = min(active, key=lambda job: (job.status != "running", job.queue_position or 0))
        others = f"{jobs.title(first)} and {len(active) - 1} more"
        st.progress(min(1.0, max(0.0, first.fraction)), text=f"{others} · {jobs.remaining(first)}")
        return
    for job in active:
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            st.progress(min(1.0, max(0.0, job.fraction)), text=f"{jobs.title(job)} · {plain(jobs.remaining(job))}")
            st.button("Cancel", key=f"panel_cancel_{job.key}", type="tertiary", on_click=jobs.cancel, args=(job.key,))
