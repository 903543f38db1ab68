"""The live part: ask, draw each better state as it comes, and leave off as soon as somebody moves something."""

import time
from typing import Any

import streamlit as st

from mloss_core.errors import MLossCoreError
from mloss_core.lab.live.mailbox import LiveRequest, Mailbox, new_window
from ui import jobs
from ui.errors import show_error
from ui.what_if import state as here
from ui.what_if.controls import Choices
from ui.what_if.panel import Panel, is_known
from ui.what_if.whole import whole_part, with_all_images
from ui.zoo.facts import ZooFacts

LOOK = 0.015
"""Seconds between two looks for a better state while a window waits."""
QUIET, SILENT = 10.0, 120.0
"""Seconds without a new state after which the worker is looked after, and after which the page says that it is mute."""
FIRST = 1.0
"""Seconds that a run waits for a first estimate, which is then on the screen at once."""
EVERY, CALM = 0.3, 5.0
"""Seconds between two runs that draw what has come since, and without news after which they become fewer."""


@st.cache_resource(show_spinner=False)
def mailbox() -> Mailbox:
    """Where live requests of this server lie."""
    return Mailbox(jobs.store().root)


def ask(zoo: ZooFacts, choices: Choices) -> LiveRequest | None:
    """Let the worker begin with the recipe under the sliders; None where there is none, or it cannot be asked for."""
    params = live_params(zoo, choices)
    if params is None:
        return None
    try:
        return _asked(params)
    except MLossCoreError as error:
        show_error(error)
        return None


def live_params(zoo: ZooFacts, choices: Choices) -> dict[str, Any] | None:
    """The parameters of a live request, and of the job that does all of it; None where there is nothing to ask."""
    recipe, judging = choices.draft.recipe, choices.judging
    if recipe is None or judging is None:
        return None
    params: dict[str, Any] = {"zoo": zoo.name, "recipe": recipe.to_dict(), "split": judging.split}
    params |= {} if judging.criterion.labels else {"criterion": judging.criterion.name}
    params |= {} if recipe.tasks is None else {"tasks": list(zoo.tasks)}
    return params | ({} if choices.limit is None else {"limit": choices.limit})


def live_part(zoo: ZooFacts, choices: Choices, request: LiveRequest) -> None:
    """Draw what is known of the recipe, wait a moment for a first estimate, and leave the rest to a fragment."""
    held = here.live()
    if _is_over():
        _take_all_images()
        _newest(zoo, choices)
        return
    held["first"] = not is_known(held["state"])
    pace = _pace()
    st.fragment(_going_on, run_every=pace)(zoo, choices, request, pace)


def _going_on(zoo: ZooFacts, choices: Choices, request: LiveRequest, pace: float) -> None:
    """The live figures until the last of them is there; then the page is drawn without this, and nothing runs.

    A fragment cannot change its own pace: the page is drawn anew for that too.
    """
    if here.live().get("request") != request:
        # Another zoo was chosen meanwhile, and what this waits for is forgotten.
        st.rerun()
    if here.live().pop("first", False):
        _first(zoo, choices, request)
        return
    _take_news(request)
    _newest(zoo, choices)
    if _is_over() or pace != _pace() or _has_more_to_offer():
        st.rerun()


def rest_part() -> None:
    """Below the live figures: all images, where they are not live."""
    held = here.live()
    if held.get("state") is not None and is_known(held["state"]):
        held["offered"] = held["state"]["digest"]
        whole_part(held["state"], held["params"])


def _has_more_to_offer() -> bool:
    """Whether the page should be drawn for `rest_part`, which stands outside of the fragment."""
    state = here.live()["state"]
    return is_known(state) and "left" in state and here.live().get("offered") != state["digest"]


def _pace() -> float:
    """Seconds to the next look: few while news come, more when the worker has long been silent."""
    return EVERY if time.monotonic() - here.live()["news"] < CALM else jobs.SLOW


def _asked(params: dict[str, Any]) -> LiveRequest:
    """The request of these parameters: the one that this session has sent, or a new one in place of it."""
    held, device = here.live(), jobs.device()
    if held.get("params") != params or held.get("device") != device:
        held.setdefault("window", new_window())
        request = mailbox().ask(held["window"], params, device)
        shown = held.get("state")
        if is_known(shown):
            held["before"] = shown
        held |= {"params": params, "device": device, "request": request, "state": None}
        held |= {"silent": False, "news": time.monotonic(), "looked": time.monotonic()}
        jobs.store().ensure_worker(device)
    return held["request"]


def _is_over() -> bool:
    """Whether nothing better is to be expected."""
    held = here.live()
    return bool(held.get("silent")) or (held.get("state") is not None and held["state"]["final"])


def _first(zoo: ZooFacts, choices: Choices, request: LiveRequest) -> None:
    """What there is when the recipe has changed, then each better state up to a quick first estimate."""
    held, panel = here.live(), Panel(zoo, choices, changing=True)
    end = time.monotonic() + FIRST
    if not is_known(held["state"]):
        panel.wait(held.get("before"))
    while not _is_over() and not is_known(held["state"]) and time.monotonic() < end:
        if _take_news(request) and held["state"]["stage"] == "kept":
            panel.draw_kept(held["state"])
        # Reading the session's state is where Streamlit ends this run when somebody has moved something.
        st.session_state.get(here.METHOD)
        time.sleep(LOOK)
    panel.draw(held["state"], held.get("before"))


def _newest(zoo: ZooFacts, choices: Choices) -> None:
    """The newest state, drawn once: nothing flickers."""
    held = here.live()
    Panel(zoo, choices, changing=False).draw(held["state"], held.get("before"))
    if held.get("silent"):
        st.warning("The worker does not answer.", icon=":material/hourglass_disabled:")
        st.button("Ask again", key="wi_again", icon=":material/refresh:", on_click=lambda: held.pop("params", None))


def _take_all_images() -> None:
    """Where the live part left off at an estimate: the figures of all images, if a job has measured them."""
    held = here.live()
    if is_known(held["state"]):
        held["state"] = with_all_images(held["state"], held["params"])


def _take_news(request: LiveRequest) -> bool:
    """Hold the newest state; whether it is a new one."""
    held, state = here.live(), mailbox().state(request)
    if state is not None and state != held["state"]:
        held |= {"state": state, "news": time.monotonic(), "looked": time.monotonic()}
        return True
    now = time.monotonic()
    held["silent"] = now - held["news"] > SILENT
    if now - held["looked"] > QUIET:
        held["looked"] = now
        jobs.store().ensure_worker(request.device)
    return False
