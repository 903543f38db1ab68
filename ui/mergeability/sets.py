"""Which of these models should be merged? The best set of a size by M-Loss, by prediction and by measurement."""

import numpy as np
import streamlit as st

from mloss_core.mergeability.metrics.registry import METRICS
from mloss_core.mergeability.predictor.scores import best_set, set_mean
from mloss_core.wording import upper_first
from ui import state
from ui.formats import plain
from ui.mergeability.choices import DEFAULT, Pairs, method_title, pair_view, quality_view
from ui.mergeability.foretold import predicted_view
from ui.mergeability.matrices import View

SIZE = state.key("mb", "size")


def which_to_merge(pairs: Pairs, tasks: tuple[str, ...], method: str | None) -> None:
    """The three answers side by side, each held against what was measured."""
    st.subheader("Which of these should I merge?", anchor=False)
    if len(tasks) < 3:
        st.caption("With two models there is nothing to choose.")
        return
    held = st.session_state.get(SIZE)
    if isinstance(held, int) and held > len(tasks):
        del st.session_state[SIZE]
    size = st.slider("Models to merge", 2, len(tasks), min(4, len(tasks) - 1), key=SIZE, bind=state.BIND, width=320)
    measured = None if method is None else quality_view(pairs, tasks, method)
    usual = METRICS[DEFAULT] if DEFAULT in pairs.numbers else pairs.metrics[0]
    by_metric = pair_view(pairs, tasks, usual, None)
    foretold = predicted_view(pairs, tasks, method)
    columns = st.columns(3, gap="medium")
    _column(columns[0], f"By {usual.title}", by_metric, size, measured, "the mean of its pairs is lowest of all sets")
    _column(columns[1], "By prediction", foretold.view, size, measured, foretold.words)
    words = (
        "no pair was measured yet"
        if method is None
        else f"the measured mean of its pairs, {method_title(method)}, is highest"
    )
    _column(columns[2], "By measurement", measured, size, measured, words)
    if measured is not None:
        st.caption(
            "Figures are means over the pairs of a set, each merged on its own: a merge of the whole set does worse. "
            "The best set by measurement was chosen among all by the same figures, so it flatters itself."
        )


def _column(place: object, title: str, view: View | None, size: int, measured: View | None, words: str) -> None:
    with place, st.container(border=True):  # type: ignore[attr-defined]
        st.markdown(f"**{title}**")
        members = None if view is None or not len(view.numbers) else best_set(_higher(view), size)
        if view is None or members is None:
            st.caption(f"None: {words}.")
            return
        st.markdown(", ".join(plain(view.tasks[place]) for place in members))
        st.caption(_held_against(members, measured, size, words))


def _held_against(members: tuple[int, ...], measured: View | None, size: int, words: str) -> str:
    if measured is None:
        return f"{upper_first(words)}."
    value = set_mean(measured.values, members)
    if not np.isfinite(value):
        return f"{upper_first(words)}. None of its pairs has a measured quality."
    lost = 100 * (set_mean(measured.values, best_set(measured.values, size)) - value)
    gap = "the best there is" if lost < 0.005 else f"{lost:.1f} points below the best set"
    return f"Measured: {100 * value:.1f} % of the individual models, {gap}. Chosen because {words}."


def _higher(view: View) -> np.ndarray:
    """The numbers so that higher promises more."""
    return view.values if view.higher_is_better else -view.values
