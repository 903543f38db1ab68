"""Errors on the screen: one sentence a person can act on, never a traceback."""

import contextlib
import re
from collections.abc import Iterator

import streamlit as st

from mloss_core.errors import MLossCoreError
from ui.formats import plain

_REPORT = re.compile(r"[0-9]+ problems: \(1\) ")
_ITEM = re.compile(r" (?=\([0-9]+\) )")


def show_error(error: BaseException | str) -> None:
    """Show an error's own sentence as plain text; a report of several problems has one a line."""
    text = str(error)
    lines = _ITEM.split(text) if _REPORT.search(text) else [text]
    st.error("\n\n".join(map(plain, lines)), icon=":material/error:")


@contextlib.contextmanager
def guard() -> Iterator[None]:
    """Show a user's error raised inside the block as one sentence and go on below it; other errors are faults and pass.

    Example:
        >>> with guard():
        ...     recipe = Recipe.from_json(text)
    """
    try:
        yield
    except MLossCoreError as error:
        show_error(error)


def stop(error: BaseException | str) -> None:
    """Show an error's sentence and end the page there: for what the page cannot do without."""
    show_error(error)
    st.stop()
