"""What the Inspect page remembers, here and in the link: two models, a task, a field, a cell, marked images."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import streamlit as st

from ui import reruns, state

PAGE = "in"
A = state.key(PAGE, "a")
B = state.key(PAGE, "b")
TASK = state.key(PAGE, "task")
SPLIT = state.key(PAGE, "split")
LIMIT = state.key(PAGE, "limit")
FIELD = state.key(PAGE, "field")
PLACE = state.key(PAGE, "page")
TAB = state.key(PAGE, "tab")
VIEW = state.key(PAGE, "view")
CELL = state.key(PAGE, "cell")
MARKED = state.key(PAGE, "marked")
FIRST_LIST = "field"
"""The list of images that is always there, whose open page a link calls `in_page`."""
MAX_MARKED = 24
"""Images that a link can mark."""
_HELD = "_in_held"
_LONGEST = 6000


def place(name: str) -> str:
    """What a link calls the open page of a list of images."""
    return PLACE if name == FIRST_LIST else state.key(PAGE, f"{name}_page")


def recall(name: str, read: Callable[[str], Any | None], default: Any) -> Any:
    """The value of a choice as its widget holds it, else the link, else this session's last visit, else the default.

    Somebody who went back or forward wants what the link there says.
    Nothing of this page is bound to the address by its widget, as clicks on charts set the same choices.

    Args:
        name: of the choice: widget key and query parameter.
        read: the value of a text of the link or of the last visit; None where it means nothing here.
        default: for a first visit.
    """
    back = reruns.went_back()
    if name in st.session_state and not back:
        return st.session_state[name]
    texts = (st.query_params.get(name), None if back else _held().get(name))
    found = (read(text) for text in texts if text is not None and len(text) <= _LONGEST)
    value = next((one for one in found if one is not None), default)
    state.put(name, value)
    return value


def keep(name: str, text: str | None, linked: bool = True) -> None:
    """Write a choice to the link, if it belongs there, and remember it for when this session comes back."""
    state.write(name, text if linked else None)
    if text is None:
        _held().pop(name, None)
    else:
        _held()[name] = text


def arrive(choices: Mapping[str, str]) -> None:
    """Choose for the next visit of the page: what other pages do before they switch to it. What they leave out is new.

    Args:
        choices: texts as links have them, by the names above.
    """
    forget((A, B, TASK, SPLIT, LIMIT, FIELD, PLACE, VIEW, CELL, MARKED, place("cell"), place("marked")))
    st.session_state[_HELD] = dict(choices)


def forget(names: Sequence[str]) -> None:
    """Let go of choices that mean nothing any more, such as a cell of another task's classes. A callback."""
    for name in names:
        st.session_state.pop(name, None)
        st.query_params.pop(name, None)
        _held().pop(name, None)


def _held() -> dict[str, str]:
    return st.session_state.setdefault(_HELD, {})
