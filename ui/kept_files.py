"""Files of a page are kept for a minute after the page has stopped showing them.

Streamlit 1.67 forgets all files of a window when its script begins, and throws away those that are not drawn again yet
when any script ends, be it another window's or one that was cut short. A browser that asks a moment later, for a
picture that has just been drawn or a download that has just been clicked, got "404" or "Deferred file not found".
"""

import functools
import time
from collections.abc import Callable
from typing import Any

from ui.reruns import known

KEPT = 60.0
"""Seconds."""


def install() -> None:
    """Let the app keep files."""
    if not known():
        return
    from streamlit.runtime.media_file_manager import MediaFileManager

    if not hasattr(MediaFileManager.clear_session_refs, "__wrapped__"):
        MediaFileManager.clear_session_refs = _remembering(MediaFileManager.clear_session_refs)  # type: ignore[method-assign]
        MediaFileManager.execute_deferred = _keeping(MediaFileManager.execute_deferred)  # type: ignore[method-assign]


def _remembering(plain: Callable[..., None]) -> Any:
    """`clear_session_refs`, where what a window showed goes on to count as shown, under another name."""

    from streamlit.runtime.media_file_manager import _get_session_id

    @functools.wraps(plain)
    def clear_session_refs(self: Any, session_id: str | None = None) -> None:
        window = session_id or _get_session_id()
        with self._lock:
            shown = dict(self._files_by_session_and_coord.get(window, {}))
            _let_go(self, window, 0.0 if session_id else KEPT)
        plain(self, window)
        # A window that is closed names itself; a script that begins does not.
        if shown and session_id is None:
            with self._lock:
                self._files_by_session_and_coord[_name(window)].update(shown)

    return clear_session_refs


def _keeping(plain: Callable[..., str]) -> Any:
    """`execute_deferred`, where the file that was made for a click lives until the browser has fetched it."""

    @functools.wraps(plain)
    def execute_deferred(self: Any, file_id: str) -> str:
        address = plain(self, file_id)
        with self._lock:
            asked = self._deferred_callables.get(file_id)
            if asked is not None:
                made = address.rpartition("/")[2].partition(".")[0]
                self._files_by_session_and_coord[_name(asked["session_id"])][f"made {made}"] = made
        return address

    return execute_deferred


def _name(window: str) -> str:
    return f"{window} {time.monotonic():.3f}"


def _let_go(files: Any, window: str, age: float) -> None:
    """Forget what a window showed longer ago."""
    for name in list(files._files_by_session_and_coord):
        owner, _, moment = name.partition(" ")
        if owner == window and moment and time.monotonic() - float(moment) >= age:
            del files._files_by_session_and_coord[name]
