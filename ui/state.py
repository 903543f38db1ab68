"""Names of the state that pages share, and what a link carries.

Widgets keep their value in the address themselves (`key=` with `bind="query-params"`); the functions here are for what
no widget holds, such as a clicked node. Values that come from a link are untrusted and are checked before use.
"""

from collections.abc import Sequence
from typing import Literal

import streamlit as st

DEVICE = "device"
JOBS = "_jobs"
ASKED = "_asked"
RESULTS = "_results"

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
    if value is None:
        st.query_params.pop(name, None)
    elif st.query_params.get(name) != str(value):
        st.query_params[name] = str(value)


def prune(name: str, allowed: Sequence[object]) -> None:
    """Drop from a multiple choice's state what the open zoo does not offer, before its widget is made."""
    held = st.session_state.get(name)
    if isinstance(held, list | tuple) and any(item not in allowed for item in held):
        st.session_state[name] = [item for item in held if item in allowed]
