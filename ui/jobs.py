"""Long work from a page's side: submit it, show how far it is, and get its result when it is there.

The work runs in a worker process and is recorded on disk, so it survives a reload and a second window joins it. A page
asks for a payload on every run; the same request never runs twice.
"""

import contextlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import streamlit as st

from mloss_core.caching import digest_of
from mloss_core.errors import MLossCoreError
from ui import reruns
from ui.errors import show_error
from ui.formats import plain, seconds
from ui.state import ASKED, DEVICE, JOBS, RESULTS

if TYPE_CHECKING:
    from mloss_core.lab.jobs.store import Job
    from mloss_core.lab.jobs.watcher import JobWatcher
    from mloss_core.lab.payloads import Payload

PATIENCE = 0.35
"""Seconds a page waits for a quick job before it shows a progress line."""
ACTIVE = ("queued", "running")
SLOW = 3.0
"""Seconds between two looks of a window at jobs that go on for long."""
_PACES = (0.25, 0.5, 1.0)
_SHARE = 8


@dataclass(frozen=True)
class Result:
    """What a page can show now.

    Args:
        payload: the answer, or an earlier one while the new one is computed, or None when there is neither.
        params: the request that `payload` answers.
        stale: `payload` answers an earlier request: show it pale and say so.
    """

    payload: "Payload | None"
    params: Mapping[str, Any]
    stale: bool = False


@st.cache_resource(show_spinner=False, on_release=lambda watcher: watcher.close())
def store() -> "JobWatcher":
    """The jobs as all sessions of this server see them: looking at one reads memory."""
    from mloss_core.lab.jobs.watcher import JobWatcher

    return JobWatcher()


def device() -> str:
    """The device chosen in the sidebar: `auto`, `cpu` or `cuda:N`."""
    return st.session_state.get(DEVICE) or "auto"


def submit(kind: str, params: Mapping[str, Any], on: str | None = None) -> "Job":
    """The job that answers this request: the one this session already knows, else a newly submitted one.

    A job that failed or was cancelled is returned as it is; `forget` lets it be submitted again. The page that asks
    shows how far the job is: the sidebar does not.
    """
    job = _submitted(kind, params, on)
    st.session_state.setdefault(ASKED, set()).add(job.key)
    return job


def start_page() -> None:
    """A page is about to be drawn: what the last one asked for is no longer shown on it."""
    st.session_state[ASKED] = set()


def elsewhere() -> "list[Job]":
    """Jobs that wait or run and that this page did not ask for: other pages', and other windows'."""
    asked = st.session_state.get(ASKED, ())
    return [job for job in store().active() if job.key not in asked]


def _submitted(kind: str, params: Mapping[str, Any], on: str | None = None) -> "Job":
    known: dict[str, str] = st.session_state.setdefault(JOBS, {})
    request = _request(kind, params, on)
    if request in known:
        job = store().job(known[request])
        if job is not None and (job.status != "done" or payload_of(job) is not None):
            return job
    job = store().submit(kind, dict(params), device=on or device())
    known[request] = job.key
    return job


def prefetch(kind: str, params: Mapping[str, Any]) -> None:
    """Have an answer made that the next page is likely to need. What goes wrong shows where it is really asked for."""
    with contextlib.suppress(MLossCoreError):
        _submitted(kind, params)


def known(kind: str, params: Mapping[str, Any]) -> "Payload | None":
    """The answer to a request if it is there already; nothing is asked for."""
    from mloss_core.lab.requests import canonical, request_key

    with contextlib.suppress(MLossCoreError):
        job = store().job(request_key(kind, canonical(kind, params), device()))
        return None if job is None else payload_of(job)
    return None


def forget(kind: str, params: Mapping[str, Any], on: str | None = None) -> None:
    """Let the next `submit` of this request start anew."""
    st.session_state.setdefault(JOBS, {}).pop(_request(kind, params, on), None)


def payload_of(job: "Job") -> "Payload | None":
    """The result of a finished job, or None. It is shared by all sessions: never change its arrays."""
    if job.status != "done":
        return None
    try:
        return _payload(str(store().root), job.key)
    except LookupError:
        return None


def job_payload(
    kind: str, params: Mapping[str, Any], *, label: str, on: str | None = None, patience: float = PATIENCE
) -> "Payload | None":
    """The answer to a request, or None while it is computed, failed or was cancelled, which is then shown in place.

    Args:
        kind: a type of job in `mloss_core.lab.requests`, such as `measure`.
        params: its plain values.
        label: what is going on in a few words, for the progress line: `Measuring M-Loss`.
        on: another device than the sidebar's.
        patience: seconds to wait before showing the progress line.
    """
    job = _ask(kind, params, on, patience)
    if job is None:
        return None
    payload = payload_of(job)
    if payload is None:
        _show_pending(job, label, kind, params, on)
    return payload


def job_result(
    name: str,
    kind: str,
    params: Mapping[str, Any],
    *,
    label: str,
    on: str | None = None,
    patience: float = PATIENCE,
    aside: Any = None,
    reserve: int = 0,
    awaited: "Callable[[], Any] | None" = None,
) -> Result:
    """Like `job_payload`, but keeps the last answer of this `name` while a new one is on its way.

    Args:
        name: the place on the page that shows the result, unique over the app: `map`.
        aside: a container for the progress line while an earlier answer stays, so that nothing on the page jumps.
        reserve: height in pixels that is held free for a first answer while it is on its way.
        awaited: draws something else there, such as the empty frame of a chart.
    """
    held: dict[str, tuple[str, Mapping[str, Any]]] = st.session_state.setdefault(RESULTS, {})
    job = _ask(kind, params, on, patience)
    payload = payload_of(job) if job is not None else None
    if job is not None and payload is not None:
        held[name] = (job.key, dict(params))
        return Result(payload, params)
    earlier = _earlier(held.get(name))
    if job is not None:
        active = job.status in ACTIVE
        with aside if aside is not None and active and earlier.payload is not None else st.container():
            _show_pending(job, label, kind, params, on)
            if earlier.payload is not None:
                after = "the new one is on its way" if active else "the new one is missing"
                st.caption(f":material/history: What you see answers the earlier choice; {after}.")
            elif active and awaited is not None:
                awaited()
            elif active and reserve:
                st.skeleton(height=reserve)
    return earlier if earlier.payload is not None else Result(None, params)


def watch(jobs: "Sequence[Job]", labels: Sequence[str]) -> None:
    """Progress lines with cancel buttons for jobs that are active; the page runs again when one of them ends."""
    if jobs:
        _watch([job.key for job in jobs], list(labels))


def title(job: "Job") -> str:
    """What a job is, in a few words."""
    from mloss_core.lab.job_types import JOB_TYPES

    # A record may come from another version, with a type of job that this one does not know.
    return JOB_TYPES[job.kind].title if job.kind in JOB_TYPES else job.kind.replace("_", " ").capitalize()


def remaining(job: "Job") -> str:
    """How far a job is, in words: its message and the time left, or its place in the queue."""
    if job.status == "queued":
        place = job.queue_position or 0
        return "starting" if place <= 1 else f"waiting, {place - 1} before it"
    left = f"about {seconds(job.seconds_left)} left" if job.seconds_left else ""
    return " · ".join(filter(None, (job.message, left))) or "running"


def cancel(key: str) -> None:
    """Ask a job to stop."""
    store().cancel(key)


@st.cache_resource(max_entries=32, show_spinner=False)
def _payload(root: str, key: str) -> "Payload":
    payload = store().result(key)
    if payload is None:
        raise LookupError(key)
    for array in payload.arrays.values():
        array.setflags(write=False)
    return payload


def _earlier(held: tuple[str, Mapping[str, Any]] | None) -> Result:
    if held is None:
        return Result(None, {})
    try:
        return Result(_payload(str(store().root), held[0]), held[1], stale=True)
    except LookupError:
        return Result(None, {})


def _ask(kind: str, params: Mapping[str, Any], on: str | None, patience: float) -> "Job | None":
    try:
        job = submit(kind, params, on)
        return (store().wait(job.key, patience) or job) if job.status in ACTIVE else job
    except MLossCoreError as error:
        show_error(error)
        return None


def _request(kind: str, params: Mapping[str, Any], on: str | None) -> str:
    from mloss_core.lab.requests import plugin_of

    # A plugin that changed makes another request of the same words.
    return digest_of(kind, dict(params), on or device(), plugin_of(params))


def _show_pending(job: "Job", label: str, kind: str, params: Mapping[str, Any], on: str | None) -> None:
    if job.status in ACTIVE:
        watch([job], [label])
        return
    if job.status == "failed":
        show_error(job.error or f"{label} failed.")
    elif job.status == "cancelled":
        st.caption(f":material/block: {plain(label)}: cancelled.")
    st.button(
        "Try again", key=f"retry_{job.key}", icon=":material/refresh:", on_click=forget, args=(kind, dict(params), on)
    )


@st.fragment(run_every=SLOW)
def _watch(keys: list[str], labels: list[str]) -> None:
    """Progress lines that are drawn again every now and then, and more often while that can tell something new.

    A fragment cannot change its own pace. The quick one inside ends when the slow one around it leaves it out.
    """
    found = [store().job(key) for key in keys]
    over = any(job is None or job.status not in ACTIVE for job in found)
    pace = _PACES[0] if over else _pace([job for job in found if job is not None], time.time())
    draw = _progress_lines if pace >= SLOW else st.fragment(_progress_lines, run_every=pace)
    draw(keys, labels)


def _pace(jobs: "Sequence[Job]", now: float) -> float:
    """Seconds to the next look: an eighth of the time since one of the jobs was asked for or began, 0.25 to 3."""
    quiet = min((now - (job.started or job.created) for job in jobs), default=0.0)
    return next((pace for pace in _PACES if _SHARE * pace >= quiet), SLOW)


def _progress_lines(keys: list[str], labels: list[str]) -> None:
    for key, label in zip(keys, labels, strict=True):
        job = store().job(key)
        if job is None or job.status not in ACTIVE:
            if reruns.is_partial():
                st.rerun()
            continue  # A run that is cut short tells the browser only half of it: the timer asks for the next one.
        with st.container(horizontal=True, vertical_alignment="center"):
            st.progress(min(1.0, max(0.0, job.fraction)), text=plain(f"{label} · {remaining(job)}"))
            st.button(
                "Cancel", key=f"cancel_{key}", type="tertiary", icon=":material/close:", on_click=cancel, args=(key,)
            )
