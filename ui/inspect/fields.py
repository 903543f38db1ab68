"""The two by two of right and wrong: four numbers to click, and what they say."""

from collections.abc import Callable

import plotly.graph_objects as go
import streamlit as st

from mloss_core.evaluation.inspection.answers import Inspection
from mloss_core.evaluation.verdict import SURE
from ui import theme
from ui.formats import count, percent, plain, points
from ui.inspect import state
from ui.state import put

WORDS = {
    "both_right": "Both",
    "only_a": "Only A",
    "only_b": "Only B",
    "both_wrong": "Neither",
    "agree": "Same",
    "disagree": "Different",
}
_LINES = {
    "both_right": "both right",
    "only_a": "only A right",
    "only_b": "only B right",
    "both_wrong": "both wrong",
    "agree": "same answer",
    "disagree": "different ones",
}
_FIRST = ("only_b", "only_a", "both_wrong", "both_right", "disagree", "agree")
"""The first of these with images opens first: what A lacks."""
CHANCE = 0.05
"""By McNemar's exact test: of few images a standard error promises too much."""
_CHART = "in_fields"
_PLACES = {
    "both_right": (0, 0),
    "only_a": (1, 0),
    "only_b": (0, 1),
    "both_wrong": (1, 1),
    "agree": (0, 0),
    "disagree": (1, 0),
}
"""Column and row of each field."""


def usual_field(inspection: Inspection) -> str:
    """The field that opens first."""
    offered = [name for name in _FIRST if name in inspection.fields]
    return next((name for name in offered if inspection.counts[name]), offered[0])


def chosen_field(inspection: Inspection) -> str:
    """The open field, if these images have it."""
    usual = usual_field(inspection)
    held = state.recall(state.FIELD, lambda text: text if text in WORDS else None, usual)
    if held not in inspection.fields:
        put(state.FIELD, usual)
        held = usual
    return held


def field_choice(inspection: Inspection, a: str, b: str, stale: bool) -> str:
    """The four numbers, of which one can be clicked, and the same choice as words; returns the open field.

    Args:
        inspection: the answers.
        a, b: what to call the models.
        stale: they answer an earlier choice.
    """
    chosen = chosen_field(inspection)
    spoken = ", ".join(f"{_LINES[name]} {number}" for name, number in inspection.counts.items())
    theme.show(
        field_figure(inspection, chosen),
        key=_CHART,
        alt=f"Images by who is right, A being {a} and B {b}: {spoken}.",
        on_select=_clicked(inspection),
        stale=stale,
    )
    st.segmented_control(
        "Right" if inspection.labelled else "Answers",
        inspection.fields,
        required=True,
        key=state.FIELD,
        format_func=lambda name: WORDS.get(name, name),
    )
    chosen = st.session_state[state.FIELD] or chosen
    state.keep(state.FIELD, None if chosen == usual_field(inspection) else chosen)
    return chosen


def field_figure(inspection: Inspection, chosen: str) -> go.Figure:
    """The fields as cells with large numbers, the chosen one in the accent colour."""
    labelled, total = inspection.labelled, max(1, len(inspection.index))
    fig = theme.figure("", height=244 if labelled else 140)
    rows = 2 if labelled else 1
    for name, number in inspection.counts.items():
        column, row = _PLACES[name]
        colour = theme.ACCENT if name == chosen else theme.INK
        fig.add_shape(
            type="rect",
            x0=column - 0.48,
            x1=column + 0.48,
            y0=row - 0.47,
            y1=row + 0.47,
            fillcolor=theme.FAINT,
            line={"color": theme.ACCENT if name == chosen else theme.FAINT, "width": 2},
            layer="below",
        )
        fig.add_annotation(
            x=column, y=row - 0.08, text=f"<b>{count(number)}</b>", showarrow=False, font={"size": 34, "color": colour}
        )
        fig.add_annotation(
            x=column,
            y=row + 0.3,
            text=f"{_LINES[name]}, {100 * number / total:.1f} %",
            showarrow=False,
            font={"size": 13, "color": colour if name == chosen else theme.MUTED},
        )
    names = list(inspection.counts)
    words = [f"{_LINES[name]}: {inspection.counts[name]} of {total} images<br>click to see them" for name in names]
    places = [_PLACES[name] for name in names]
    fig.add_trace(theme.click_layer([x for x, _ in places], [y for _, y in places], words, names, size=110))
    fig.update_layout(margin={"l": 0, "r": 0, "t": 4, "b": 4}, title=None)
    fig.update_xaxes(visible=False, range=[-0.5, 1.5], fixedrange=True)
    fig.update_yaxes(visible=False, range=[rows - 0.5, -0.5], fixedrange=True)
    return fig


def headline(inspection: Inspection, a: str, b: str) -> str:
    """What the numbers come to, as Markdown: accuracies and the paired difference, or the agreement."""
    images = f"{count(len(inspection.index))} images"
    if not inspection.labelled:
        share = inspection.agreement
        return (
            f"These images have no labels. {plain(a)} and {plain(b)} give the same answer to "
            f"**{percent(share.value, share.standard_error)}** of {images}."
        )
    right, other, gap = inspection.accuracy("a"), inspection.accuracy("b"), inspection.difference
    error = gap.standard_error or 0.0
    alone = inspection.counts["only_a"] + inspection.counts["only_b"]
    if not alone:
        return (
            f"{plain(a)} and {plain(b)} are right on the same images: **{percent(right.value, right.standard_error)}** "
            f"of {images}."
        )
    verdict = "more than twice its error"
    if abs(gap.value) < SURE * error:
        verdict = "within sampling error: other images could turn it around"
    elif inspection.chance > CHANCE:
        differ = "they differ on 1 image" if alone == 1 else f"they differ on {alone} images"
        verdict = f"but {differ} only, and chance does that in {100 * inspection.chance:.0f} % of cases"
    return (
        f"{plain(a)} is right on **{percent(right.value, right.standard_error)}** of {images}, {plain(b)} on "
        f"**{percent(other.value, other.standard_error)}**: {points(gap.value)} ± {100 * error:.1f} (paired), "
        f"{verdict}."
    )


def _clicked(inspection: Inspection) -> Callable[[], None]:
    def clicked() -> None:
        name = theme.selected_id(st.session_state.get(_CHART))
        if name in inspection.fields:
            put(state.FIELD, name)

    return clicked
