"""Under the table: whether ranking by M-Loss beat its controls on this zoo, for each guided recipe."""

import dataclasses
from collections.abc import Mapping, Sequence

import streamlit as st

from mloss_core.evaluation.controls import control_recipes, is_guided
from mloss_core.merging.methods import tidy
from ui.formats import listing
from ui.merge import state as merge_state
from ui.merge.entries import Entry, row_key
from ui.merge.rows import Difference, Row, difference, find

SURE = 2.0
"""A difference of at least this many standard errors is called real."""

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


def control_rows(entry: Entry, rows: Sequence[Row], entries: Sequence[Entry]) -> dict[str, Row | None]:
    """The row of each control of a guided recipe that the comparison holds, by the control's name."""
    present = {tidy(other.recipe).digest: other for other in entries}
    return {
        name: find(rows, row_key(present[control.digest].recipe))
        for name, control in control_recipes(entry.recipe).items()
        if control.digest in present
    }


def verdicts(rows: Sequence[Row], entries: Sequence[Entry], offer: bool = True) -> None:
    """Say plainly what the controls show; without controls, offer them for the first guided recipe."""
    judged = guided_with_controls(entries)
    for entry in judged[:_MAX_SHOWN]:
        row = find(rows, row_key(entry.recipe))
        if row is None or not row.done:
            continue
        found = verdict(row, control_rows(entry, rows, entries))
        waiting = f" Still to come: {', '.join(found.waiting)}." if found.waiting else ""
        st.markdown(f":material/science: {found.sentence}{waiting}")
    guided = next((entry for entry in entries if is_guided(entry.recipe)), None)
    if judged or guided is None or not offer:
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Do the M-Loss ranks of {guided.label} help? Controls tell.", width="content")
        st.button(
            "Add controls",
            key="mg_offer_controls",
            icon=":material/science:",
            type="tertiary",
            on_click=merge_state.add,
            args=(list(control_recipes(guided.recipe).values()),),
            help="Four more merges: e = 0, reversed ranks, random ranks, and the same budget without ranks.",
        )


@dataclasses.dataclass(frozen=True)
class Verdict:
    """How a guided recipe fares against its controls.

    Args:
        sentence: the answer in plain words.
        waiting: controls without result.
    """

    sentence: str
    waiting: tuple[str, ...] = ()


def verdict(row: Row, controls: Mapping[str, Row | None]) -> Verdict:
    """What the finished controls say about the M-Loss ranks of `row`.

    Args:
        row: the guided merge.
        controls: row of each control by name, None or unfinished ones are waited for.
    """
    waiting = tuple(name for name, other in controls.items() if other is None or not other.done)
    gaps = {
        name: gap
        for name, other in controls.items()
        if other is not None and (gap := difference(row, other)) is not None
    }
    if not gaps or not row.done:
        return Verdict("The controls are not finished.", waiting)
    better = [name for name, gap in gaps.items() if _sure(gap) and gap.value > 0]
    worse = [name for name, gap in gaps.items() if _sure(gap) and gap.value < 0]
    return Verdict(f"{_answer(row.label, list(gaps), better, worse)} {_figures(gaps)}", waiting)


def _answer(label: str, names: list[str], better: list[str], worse: list[str]) -> str:
    if len(better) == len(names):
        return f"The M-Loss ranks of {label} beat every control beyond twice the standard error of the difference."
    if worse:
        return f"The M-Loss ranks of {label} do not help here: {listing(worse)} came out reliably better."
    if better:
        even = [name for name in names if name not in better]
        return (
            f"The M-Loss ranks of {label} beat {listing(better)}, but not {listing(even)}: that is within twice the "
            "standard error, so the ranks are not shown to be the cause."
        )
    return (
        f"The M-Loss ranks of {label} do not beat the controls on this zoo: every difference is within twice its "
        "standard error."
    )


def _figures(gaps: Mapping[str, Difference]) -> str:
    parts = [f"{name} {_points(gap)}" for name, gap in gaps.items()]
    paired = all(gap.paired for gap in gaps.values())
    how = "same images" if paired else "errors taken as independent, so on the large side"
    return f"Difference in points: {'; '.join(parts)} ({how})."


def _points(gap: Difference) -> str:
    text = f"{100 * gap.value:+.2f}".replace("-", "−")
    return text if gap.standard_error is None else f"{text} ± {100 * gap.standard_error:.2f}"


def _sure(gap: Difference) -> bool:
    return gap.standard_error is not None and abs(gap.value) >= SURE * gap.standard_error and gap.value != 0
