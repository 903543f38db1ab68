"""The live part: ask, draw each better state as it comes, and leave off as soon as somebody moves something."""

import time
from collections.abc import Mapping
from typing import Any

import streamlit as st

from mloss_core.errors import MLossCoreError
from mloss_core.lab.live.mailbox import LiveRequest, Mailbox, new_window
from ui import formats, jobs, theme
from ui.errors import show_error
from ui.formats import plain
from ui.what_if import state as here
from ui.what_if.controls import Choices
from ui.what_if.figures import accuracy_bars, bars_words, control_gaps, kept_heatmap
from ui.zoo.facts import ZooFacts

LOOK = 0.015
"""Seconds between two looks for a better state while a window waits."""
QUIET, SILENT = 10.0, 120.0
"""Seconds without a new state after which the worker is looked after, and after which the page says that it is mute."""
FIRST = 1.0
"""Seconds that a run waits for a first estimate, which is then on the screen at once."""
EVERY, CALM = 0.3, 5.0
"""Seconds between two runs that draw what has come since, and without news after which they become fewer."""
HEIGHT = 350
State = Mapping[str, Any]


@st.cache_resource(show_spinner=False)
def mailbox() -> Mailbox:
    """Where live requests of this server lie."""
    return Mailbox(jobs.store().root)


def ask(zoo: ZooFacts, choices: Choices) -> LiveRequest | None:
    """Let the worker begin with the recipe under the sliders; None where there is none, or it cannot be asked for."""
    recipe = choices.draft.recipe
    if recipe is None:
        return None
    params: dict[str, Any] = {"zoo": zoo.name, "recipe": recipe.to_dict(), "split": choices.split}
    params |= {} if recipe.tasks is None else {"tasks": list(zoo.tasks)}
    params |= {} if choices.limit is None else {"limit": choices.limit}
    try:
        return _asked(params)
    except MLossCoreError as error:
        show_error(error)
        return None


def live_part(zoo: ZooFacts, choices: Choices, request: LiveRequest) -> None:
    """Draw what is known of the recipe, wait a moment for a first estimate, and leave the rest to a fragment."""
    held = here.live()
    if _is_over():
        _newest(zoo, choices)
        return
    held["first"] = not _is_known(held["state"])
    pace = _pace()
    st.fragment(_going_on, run_every=pace)(zoo, choices, request, pace)


def _going_on(zoo: ZooFacts, choices: Choices, request: LiveRequest, pace: float) -> None:
    """The live figures until the last of them is there; then the page is drawn without this, and nothing runs.

    A fragment cannot change its own pace: the page is drawn anew for that too.
    """
    if here.live().pop("first", False):
        _first(zoo, choices, request)
        return
    _take_news(request)
    _newest(zoo, choices)
    if _is_over() or pace != _pace():
        st.rerun()


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
        if _is_known(shown):
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
    panel.draw(held["state"], held.get("before"))
    end = time.monotonic() + FIRST
    while not _is_over() and not _is_known(held["state"]) and time.monotonic() < end:
        if _take_news(request):
            panel.draw(held["state"], held.get("before"))
        # Reading the session's state is where Streamlit ends this run when somebody has moved something.
        st.session_state.get(here.METHOD)
        time.sleep(LOOK)


def _newest(zoo: ZooFacts, choices: Choices) -> None:
    """The newest state, drawn once: nothing flickers."""
    held = here.live()
    Panel(zoo, choices, changing=False).draw(held["state"], held.get("before"))
    if held.get("silent"):
        st.warning("The worker does not answer.", icon=":material/hourglass_disabled:")
        st.button("Ask again", key="wi_again", icon=":material/refresh:", on_click=lambda: held.pop("params", None))


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


def _is_known(state: State | None) -> bool:
    return state is not None and "row" in state


class Panel:
    """Where the live figures are drawn, from top to bottom: numbers, verdict, accuracy, controls, what is kept.

    Args:
        changing: whether one run draws several states, one in place of the other.
    """

    def __init__(self, zoo: ZooFacts, choices: Choices, changing: bool) -> None:
        self.zoo, self.choices = zoo, choices
        place = st.empty if changing else st.container
        self._numbers, self._verdict = place(), place()
        with st.container(key="wi_bars"):
            self._bars = place()
        self._gaps, self._kept = place(), place()
        self._drawn: list[Any] = []
        self._kept_drawn = False
        self._gaps_of = ""

    def draw(self, state: State | None, before: State | None) -> None:
        """Draw a state, or the one before, pale, while there is none."""
        if state is not None and state["stage"] == "failed":
            with self._bars.container():
                show_error(state["error"])
            return
        known = _is_known(state)
        shown = state if known else before
        if shown is None or not _is_known(shown):
            with self._bars.container():
                st.skeleton(height=HEIGHT)
        else:
            with self._numbers.container():
                _numbers(shown, before if known else None, stale=not known)
            with self._verdict.container():
                st.caption(_verdict_words(shown) if known else "The new figures are on their way.")
            ghost = before if known and before is not None and before["split"] == shown["split"] else None
            self._draw_bars(shown, ghost, stale=not known)
            self._draw_gaps(shown, stale=not known)
        if state is not None:
            self._draw_kept(state)

    def _draw_bars(self, shown: State, ghost: State | None, stale: bool) -> None:
        marks = [stale, shown["digest"], shown["images"], [(c["name"], c["average"]) for c in shown["controls"]]]
        if marks != self._drawn:
            self._drawn = marks
            with self._bars.container():
                # No key: Streamlit takes a chart of other figures for another chart, and one run draws several.
                theme.show(accuracy_bars(shown, ghost, self.zoo.tasks, HEIGHT), alt=bars_words(shown), stale=stale)

    def _draw_gaps(self, shown: State, stale: bool) -> None:
        """The recipe against each control, once all that are asked for are there on the same images."""
        if "verdict" in shown and self._gaps_of != shown["digest"]:
            self._gaps_of = shown["digest"]
            with self._gaps.container():
                theme.show(control_gaps(shown), alt=plain(shown["differences"]), stale=stale)

    def _draw_kept(self, state: State) -> None:
        """What is kept of each tensor, once: it is known with the first state."""
        if not self._kept_drawn:
            self._kept_drawn = True
            words = f"Realised budget: {formats.percent(state['kept_fraction'])} of all weights that move."
            with self._kept.container():
                if not self.choices.draft.guided:
                    theme.show(kept_heatmap(state["realised_keep"], self.zoo.layers), key="wi_kept", alt=words)
                st.caption(words)


def _numbers(state: State, before: State | None, stale: bool) -> None:
    """Mean, worst task and agreement, each beside the recipe before."""
    row, old = state["row"], None if before is None or before["split"] != state["split"] else before
    worst = min(row["tasks"], key=row["tasks"].__getitem__)
    how = "an estimate from" if state["stage"] == "few" else "from"
    where = f"{how} {formats.count(state['images'])} {'test' if state['split'] == 'test' else 'validation'} images"
    figures = (
        (
            "Mean, before" if stale else "Mean",
            formats.percent(row["average"], row["standard_error"]),
            (row["average"], old and old["row"]["average"]),
            f"Mean accuracy over tasks, {where}. ± is one standard error.",
        ),
        (
            f"Worst: {plain(worst)}",
            formats.percent(row["worst"]),
            (row["worst"], old and old["row"]["worst"]),
            "Accuracy on the worst task.",
        ),
        (
            "Own experts",
            formats.percent(state["agreement"]),
            (state["agreement"], old and old["agreement"]),
            "Share of the same images on which the merge agrees with each task's own fine-tuned model; needs no label. "
            f"± {100 * state['agreement_error']:.1f} points.",
        ),
    )
    with st.container(horizontal=True, gap="small", horizontal_alignment="distribute"):
        for label, value, (now, then), words in figures:
            change = None if then is None else f"{100 * (now - then):+.1f} points"
            st.metric(label, value, change, help=words, width="content", delta_color="off")


def _verdict_words(state: State) -> str:
    if "verdict" in state:
        return f":material/science: {plain(state['verdict'])}"
    if state["controls"]:
        return f":material/science: Controls: {len(state['controls'])} so far."
    return "An estimate; all images are on their way." if state["stage"] == "few" and not state["final"] else " "
