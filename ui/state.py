"""Names of the state that pages share, and what a link carries.

Widgets keep their value in the address themselves (`key=` with `bind="query-params"`); the functions here are for what
no widget holds, such as a clicked node. Values that come from a link are untrusted and are checked before use.
"""

import contextlib
import time
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from typing import Any, Literal

import streamlit as st

DEVICE = "device"
JOBS = "_jobs"
ASKED = "_asked"
RESULTS = "_results"
_UNTOLD = "_untold"
_MOMENT = 3.0
"""Seconds for which a value goes on to be told."""
_waiting: ContextVar[dict[str, str | None] | None] = ContextVar("waiting", default=None)

BIND: Literal["query-params"] = "query-params"
"""Pass as `bind=` to a widget whose `key` is made by `key()`."""


def key(page: str, name: str) -> str:
    """The widget key, and query parameter, of a page's choice: `key("map", "scale")` -> `map_scale`."""
    return f"{page}_{name}"


def read_whole(name: str, low: int, high: int) -> int | None:
    """The whole number that the link carries under `name`, or None when it is absent, no number, or out of range."""
    text = st.query_params.get(name)
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 9:
        return None
    number = int(text)
    return number if low <= number <= high else None


def write(name: str, value: object | None) -> None:
    """Mirror a choice that no widget holds to the address; None takes it out."""
    waiting = _waiting.get()
    if waiting is not None:
        waiting[name] = None if value is None else str(value)
    elif value is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != str(value):
        st.query_params[name] = str(value)


@contextlib.contextmanager
def one_step() -> Iterator[None]:
    """What is written to the address inside the block is written at its end, together.

    For each message about the address the browser makes a step of its history, which "back" has to undo. A block that
    is left early writes nothing: the run that follows does.
    """
    token = _waiting.set({})
    try:
        yield
    finally:
        waiting = _waiting.get() or {}
        _waiting.reset(token)
    news = {name: text for name, text in waiting.items() if st.query_params.get(name) != text}
    given = {name: text for name, text in news.items() if text is not None}
    if given:
        st.query_params.update(given)
    for name in news.keys() - given.keys():
        st.query_params.pop(name, None)


def put(name: str, value: Any) -> None:
    """Give a widget a value, in a callback or before it is drawn.

    Streamlit tells the browser once, in the run that follows. When that run is cut short, or the next one comes before
    the browser has drawn it, the browser may not have heard, shows what it had, and reports that as somebody's choice.
    So it is told again until a run comes to its end, and for a moment longer.
    """
    st.session_state.setdefault(_UNTOLD, {})[name] = value, time.monotonic()
    st.session_state[name] = value


def begin_run() -> None:
    """The page is about to be drawn: tell the browser what a run that was cut short may have kept from it."""
    untold = st.session_state.get(_UNTOLD, {})
    for name, (value, _) in list(untold.items()):
        if name in st.session_state and st.session_state[name] == value:
            st.session_state[name] = value
        else:
            del untold[name]


def end_run() -> None:
    """The page was drawn to its end: the browser hears of everything, if nothing follows at once."""
    untold = st.session_state.get(_UNTOLD, {})
    for name in [name for name, (_, put_at) in untold.items() if time.monotonic() - put_at > _MOMENT]:
        del untold[name]


def go_to(page: str) -> None:
    """Switch to another page, by the path of its file; choices that the link carries for this one are left behind."""
    # Told to keep no parameters, Streamlit leaves them out; told nothing, it fails where a widget has set one.
    st.switch_page(page, query_params={})


def prune(name: str, allowed: Sequence[object]) -> None:
    """Drop from a multiple choice's state what the open zoo does not offer, before its widget is made."""
    held = st.session_state.get(name)
    if isinstance(held, list | tuple) and any(item not in allowed for item in held):
        put(name, [item for item in held if item in allowed])
