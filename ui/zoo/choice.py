"""Which zoo is open: an embedded one, or one of those that the operator offers, chosen from a list by its id."""

import contextlib
from typing import Any

import streamlit as st
from streamlit.errors import StreamlitAPIException

from mloss_core.errors import MLossCoreError, UnknownNameError
from mloss_core.zoo.embedded import DEFAULT_ZOO, EMBEDDED
from mloss_core.zoo.offered import OfferedZoo, configured_roots, embedded_zoos, offered_zoo, offered_zoos
from ui import jobs
from ui.formats import plain
from ui.state import DEVICE, JOBS, put, write
from ui.zoo.facts import ZooFacts, facts_of_summary

ZOO = "zoo"
"""State key and query parameter."""
SETTING = "zoos"
"""Name of the list of roots in `.streamlit/secrets.toml`, beside `$MLOSS_ZOOS`."""
_JOB = "zoo"


@st.cache_data(show_spinner=False, ttl=20.0)
def _offered(setting: tuple[str, ...]) -> tuple[OfferedZoo, ...]:
    return offered_zoos(configured_roots(setting))


def offered() -> tuple[OfferedZoo, ...]:
    """The embedded zoos beside the default one, and those below the configured roots, looked up every few seconds.

    Raises:
        ZooError: a root that cannot be one.
    """
    setting = st.secrets.get(SETTING, ()) if st.secrets.load_if_toml_exists() else ()
    below = _offered((setting,) if isinstance(setting, str) else tuple(map(str, setting)))
    return (*embedded_zoos(), *below)


def chosen() -> OfferedZoo | None:
    """The offered zoo that is open, or None for the default one.

    Raises:
        UnknownNameError: a link names a zoo that is not offered here.
    """
    name = st.session_state.get(ZOO) or st.query_params.get(ZOO) or DEFAULT_ZOO
    return None if name == DEFAULT_ZOO else offered_zoo(name, offered())


def zoo_select() -> bool:
    """The list to choose from; nothing, and False, where there is only the default zoo or a link names no zoo."""
    titles = {DEFAULT_ZOO: EMBEDDED[DEFAULT_ZOO].title} | {zoo.id: zoo.title for zoo in offered()}
    if ZOO not in st.session_state and st.query_params.get(ZOO, DEFAULT_ZOO) not in titles:
        return False  # Drawing the list would turn the link silently into one to the default zoo.
    if len(titles) > 1:
        # Bound to the address, the list would write titles there: links name zoos. And a value alone is told to the
        # browser once: where that goes under it shows, and reports, the first of the list. So the value is also the
        # list's own default.
        open_now = st.session_state.get(ZOO, st.query_params.get(ZOO, DEFAULT_ZOO))
        st.selectbox(
            "Open zoo",
            list(titles),
            index=list(titles).index(open_now) if open_now in titles else 0,
            key=ZOO,
            format_func=lambda name: titles.get(name, name),
            on_change=_switched,
            help="A zoo is one pretrained encoder and its fine-tuned copies, one a task. Listed: the embedded ones, "
            "and folders below ./checkpoints and the roots that the operator set.",
        )
        name = st.session_state[ZOO]
        write(ZOO, None if name == DEFAULT_ZOO else name)
    return len(titles) > 1


def request(zoo: OfferedZoo) -> dict[str, Any]:
    """The request that opens a zoo."""
    return {"zoo": zoo.source}


def opened(zoo: OfferedZoo) -> ZooFacts | None:
    """Facts of a zoo that has been opened, or None while that is under way or has failed.

    Raises:
        MLossCoreError: the work cannot be asked for.
    """
    payload = jobs.payload_of(jobs.submit(_JOB, request(zoo)))
    return None if payload is None else facts_of_summary(zoo.source, zoo.title, payload.meta)


def opening(zoo: OfferedZoo) -> None:
    """The page while a zoo is being opened, or with the report of what is wrong with it."""
    st.title(plain(zoo.title), anchor=False)
    payload = jobs.job_payload(_JOB, request(zoo), label=f"Opening {zoo.title}")
    if payload is not None:
        st.rerun()
    st.caption(
        "Files are read without running anything in them, checked against each other, and converted once. The next "
        "time this takes a moment."
    )
    st.button("Back to the demo zoo", icon=":material/arrow_back:", on_click=back_to_demo)


def refused(error: MLossCoreError) -> None:
    """The page where no zoo can be opened."""
    st.title("No zoo is open", anchor=False)
    words = "This link names a zoo that is not offered here" if isinstance(error, UnknownNameError) else ""
    st.error(plain(f"{words}: {error}" if words else error), icon=":material/error:")
    st.button("Open the demo zoo", icon=":material/arrow_back:", on_click=back_to_demo)


def back_to_demo() -> None:
    """Open the default zoo. A callback."""
    if ZOO not in st.session_state:  # Else the list holds the parameter, and sets it.
        st.query_params.pop(ZOO, None)
    put(ZOO, DEFAULT_ZOO)
    _switched()


def open_again(zoo: OfferedZoo) -> None:
    """Let the zoo's folder be looked at anew. A callback."""
    jobs.forget(_JOB, request(zoo))
    _offered.clear()


def _switched() -> None:
    """Forget every choice made for another zoo: its tasks, blocks and recipes mean nothing here."""
    for held, kept in ((st.session_state, (ZOO, DEVICE, JOBS)), (st.query_params, (ZOO, DEVICE))):
        for name in [str(name) for name in held if name not in kept]:
            # The parameter of a list that is drawn cannot be taken out: it follows the list's value.
            with contextlib.suppress(StreamlitAPIException):
                held.pop(name, None)
