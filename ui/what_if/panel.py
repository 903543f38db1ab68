"""What is drawn of a live state, from top to bottom: numbers, verdict, bars, controls, what is kept."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from mloss_core.evaluation.criteria.records import CRITERIA
from mloss_core.wording import SPLITS, lower_first
from ui import formats, theme
from ui.errors import show_error
from ui.formats import plain
from ui.what_if.controls import Choices
from ui.what_if.figures import accuracy_bars, bars_words, comparable, control_gaps, kept_heatmap
from ui.what_if.values import change_words, figure_words
from ui.zoo.facts import ZooFacts

HEIGHT = 350
ON_THE_WAY = "The new figures are on their way."
AGREEMENT = "expert_agreement"
_SHARE = {"unit": "fraction"}
State = Mapping[str, Any]


def is_known(state: State | None) -> bool:
    """Whether a state holds figures of images."""
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

    def wait(self, before: State | None) -> None:
        """Say at once that new figures are on their way: the charts of before stay, paling, until they are there.

        Drawing them anew, pale, costs the browser as much as drawing the new ones.
        """
        if before is None:
            with self._bars.container():
                st.skeleton(height=HEIGHT)
            return
        with self._numbers.container():
            _numbers(before, None, stale=True)
        with self._verdict.container():
            st.caption(ON_THE_WAY)

    def draw(self, state: State | None, before: State | None) -> None:
        """Draw a state, or the one before, pale, while there is none."""
        if state is not None and state["stage"] == "failed":
            with self._bars.container():
                show_error(state["error"])
            return
        known = is_known(state)
        shown = state if known else before
        if shown is None or not is_known(shown):
            with self._bars.container():
                st.skeleton(height=HEIGHT)
        else:
            with self._numbers.container():
                _numbers(shown, before if known else None, stale=not known)
            with self._verdict.container():
                st.caption(_verdict_words(shown) if known else ON_THE_WAY)
            ghost = before if known and comparable(shown, before) else None
            self._draw_bars(shown, ghost, stale=not known)
            self._draw_gaps(shown, stale=not known)
        if state is not None:
            self.draw_kept(state)

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

    def draw_kept(self, state: State) -> None:
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
    row, old = state["row"], before if comparable(state, before) else None
    then = old["row"] if old else None
    worst = min(row["tasks"], key=row["tasks"].__getitem__)
    what = "accuracy" if state["labels"] else lower_first(CRITERIA[state["criterion"]].title)
    spread = figure_words(state, row["average"], row["standard_error"])
    with st.container(horizontal=True, gap="small", horizontal_alignment="distribute"):
        _metric(
            state,
            "Mean, before" if stale else "Mean",
            spread,
            (row["average"], then["average"] if then else None),
            f"Mean over tasks of {what}, {_where(state)}. ± is one standard error.",
        )
        _metric(
            state,
            f"Worst: {plain(worst)}",
            figure_words(state, row["worst"]),
            (row["worst"], then["worst"] if then else None),
            f"The worst task by {what}.",
        )
        if state["agreement"] is not None and state["criterion"] != AGREEMENT:
            _metric(
                _SHARE,
                "Own experts",
                formats.percent(state["agreement"]),
                (state["agreement"], old["agreement"] if old else None),
                "Share of the same images on which the merge agrees with each task's own fine-tuned model; needs no "
                f"label. ± {100 * state['agreement_error']:.1f} points.",
            )


def _metric(state: State, label: str, value: str, figures: tuple[float, float | None], help: str) -> None:
    now, then = figures
    change = None if then is None else change_words(state, now - then)
    st.metric(label, value, change, help=help, width="content", delta_color="off")


def _where(state: State) -> str:
    how = "an estimate from" if state["stage"] == "few" else "from"
    return f"{how} {formats.count(state['images'])} {SPLITS[state['split']]} images"


def _all_images(state: State) -> int:
    return state["left"]["images"] if "left" in state else state["images"]


def _verdict_words(state: State) -> str:
    if "verdict" in state:
        by = "" if state["labels"] else " By the criterion shown, without labels."
        few = f" From {formats.count(state['compared'])} images." if state["compared"] < _all_images(state) else ""
        return f":material/science: {plain(state['verdict'])}{by}{few}"
    if state["controls"]:
        return ":material/science: Controls on few images; on all they are on their way."
    if state["stage"] == "few" and "left" in state:
        return "An estimate: with these encoders all images would take too long to be live."
    return "An estimate; all images are on their way." if state["stage"] == "few" and not state["final"] else " "
