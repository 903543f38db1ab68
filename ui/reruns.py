"""What Streamlit 1.67 gets wrong when a timer, a job that ends and a person ask for a run in the same instant.

A timer of a fragment (`run_every`) sends the values of all widgets and the page as the browser knows them, which is as
they were before the server's last change. The server took that for news (seen in `tests/browser/test_reruns.py`):

- A choice that a callback had just made went back to what it was.
- A timer of a page that was left a moment ago emptied the new page in the browser ("Bad delta path index").
- A timer behind a click on another page, before that click was looked at, sent the person back.

And the run that a finished job asks for may start while a click is already being answered: the click's page, which all
runs of a window share, was then the old one.
"""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx


def known() -> bool:
    """Whether this is the Streamlit whose inner workings are corrected here; any other is left as it is."""
    return st.__version__.startswith("1.67.")


def install() -> None:
    """Let timers bring no news: they run their fragment, with the values that the server has, on the page it is on."""
    if not known():
        return
    from streamlit.runtime.app_session import AppSession
    from streamlit.runtime.scriptrunner.script_runner import ScriptRunner
    from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequests

    if not hasattr(AppSession.request_rerun, "__wrapped__"):
        AppSession.request_rerun = _without_news(AppSession.request_rerun)  # type: ignore[method-assign]
        ScriptRequests.request_rerun = _behind_others(ScriptRequests.request_rerun)  # type: ignore[method-assign]
        ScriptRunner._run_script = _on_its_page(ScriptRunner._run_script)  # type: ignore[method-assign]


def navigation(pages: Mapping[str, Sequence[Any]]) -> Any:
    """`st.navigation`, held to the page that this run was asked for."""
    if not known():
        return st.navigation(pages, expanded=True)
    context = get_script_run_ctx()
    asked = context.page_script_hash if context is not None else ""
    chosen = st.navigation(pages, expanded=True)
    hashes = {page._script_hash for group in pages.values() for page in group}
    if context is not None and chosen._script_hash != asked and asked in hashes:
        # The browser asks with the hash of the page; only a first visit has its name, and may name none.
        context.pages_manager.set_script_intent(asked, "")
        chosen = st.navigation(pages, expanded=True)
    return chosen


def went_back() -> bool:
    """Whether this run answers the browser's back or forward button."""
    context = get_script_run_ctx()
    return bool(getattr(context, "is_history_navigation", False))


def is_partial() -> bool:
    """Whether this run draws fragments alone: a timer's, or because of a click inside one."""
    context = get_script_run_ctx()
    return bool(getattr(context, "fragment_ids_this_run", None))


def _without_news(plain: Any) -> Any:
    """`AppSession.request_rerun`, where a timer's values are dropped, and a timer of another page altogether."""

    @functools.wraps(plain)
    def request_rerun(self: Any, client_state: Any) -> None:
        if client_state is not None and client_state.is_auto_rerun and client_state.fragment_id:
            if client_state.page_script_hash != self.page_script_hash:
                return
            client_state.ClearField("widget_states")
        plain(self, client_state)

    return request_rerun


def _behind_others(plain: Any) -> Any:
    """`ScriptRequests.request_rerun`, where a timer adds nothing to a run of everything that is about to start."""
    from streamlit.runtime.scriptrunner_utils.script_requests import ScriptRequestType

    @functools.wraps(plain)
    def request_rerun(self: Any, new_data: Any) -> bool:
        if new_data.is_auto_rerun and new_data.fragment_id:
            with self._lock:
                waits = self._state == ScriptRequestType.RERUN
                if waits and not (self._rerun_data.fragment_id or self._rerun_data.fragment_id_queue):
                    return True
        return plain(self, new_data)

    return request_rerun


def _on_its_page(plain: Any) -> Any:
    """`ScriptRunner._run_script`, where a timer that has waited while another page was opened is dropped."""

    @functools.wraps(plain)
    def run_script(self: Any, rerun_data: Any) -> None:
        if rerun_data.is_auto_rerun and rerun_data.fragment_id_queue:
            page = self._get_script_run_ctx().page_script_hash
            if page and page != rerun_data.page_script_hash:
                return
        plain(self, rerun_data)

    return run_script
