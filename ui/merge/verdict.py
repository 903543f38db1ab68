"""Under the table: whether ranking by M-Loss beat its controls on this zoo, for each guided recipe."""

from collections.abc import Sequence

import streamlit as st

from mloss_core.evaluation.controls import control_recipes, is_guided
from mloss_core.evaluation.ranking import find
from mloss_core.evaluation.rows import EvaluationRow
from mloss_core.evaluation.verdict import verdict
from mloss_core.merging.methods import tidy
from ui.formats import plain
from ui.merge import state as merge_state
from ui.merge.entries import Entry, row_key

_MAX_SHOWN = 3


def guided_with_controls(entries: Sequence[Entry]) -> list[Entry]:
    """The guided recipes of which at least one control is in the comparison too."""
    present = {tidy(entry.recipe).digest for entry in entries}
    return [
        entry
        for entry in entries
        if is_guided(entry.recipe)
        and any(control.digest in present for control in control_recipes(entry.recipe).values())
    ]


def control_rows(
    entry: Entry, rows: Sequence[EvaluationRow], entries: Sequence[Entry]
) -> dict[str, EvaluationRow | None]:
    """The row of each control of a guided recipe that the comparison holds, by the control's name."""
    present = {tidy(other.recipe).digest: other for other in entries}
    return {
        name: find(rows, row_key(present[control.digest].recipe))
        for name, control in control_recipes(entry.recipe).items()
        if control.digest in present
    }


def verdicts(rows: Sequence[EvaluationRow], entries: Sequence[Entry], offer: bool = True) -> None:
    """Say plainly what the controls show; without controls, offer them for the first guided recipe."""
    judged = guided_with_controls(entries)
    for entry in judged[:_MAX_SHOWN]:
        row = find(rows, row_key(entry.recipe))
        if row is None or not row.done:
            continue
        found = verdict(row, control_rows(entry, rows, entries))
        waiting = f" Still to come: {', '.join(found.waiting)}." if found.waiting else ""
        st.markdown(f":material/science: {plain(found.sentence + waiting)}")
    guided = next((entry for entry in entries if is_guided(entry.recipe)), None)
    if judged or guided is None or not offer:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Do the M-Loss ranks of {plain(guided.label)} help? Controls tell.", width="content")
        st.button(
            "Add controls",
            key="mg_offer_controls",
            icon=":material/science:",
            type="tertiary",
            on_click=merge_state.add,
            args=(list(control_recipes(guided.recipe).values()),),
            help="Four more merges: e = 0, reversed ranks, random ranks, and the same budget without ranks.",
        )
