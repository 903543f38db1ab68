"""What others published, beside our own numbers and never among them, one source at a time."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from mloss_core.evaluation.published.averages import (
    BASELINES,
    PublishedResult,
    comparability_warnings,
    published_results,
    published_sources,
)
from mloss_core.evaluation.published.recipes import BACKBONES, protocol_recipes
from mloss_core.evaluation.published.tables import PAPER, TASKS, TITLES, PublishedRow, published_rows, reading_notes
from mloss_core.evaluation.ranking import find
from mloss_core.evaluation.rows import EvaluationRow
from mloss_core.merging.methods import tidy
from mloss_core.recipe import Recipe
from ui import state
from ui.merge import state as merge_state
from ui.merge.entries import row_key
from ui.zoo.facts import ZooFacts

_TABLE = state.key("mg", "paper_table")
_SOURCE, _BACKBONE, _COUNT = (state.key("mg", f"paper_{name}") for name in ("source", "backbone", "tasks"))
_PAGE = "mloss"
HERE = "Here"


def published_frame(rows: Sequence[PublishedRow]) -> pd.DataFrame:
    """Published rows in percent, variance in percent squared."""
    return pd.DataFrame(
        [
            {
                "Backbone": row.backbone,
                "Method": row.method,
                "Setting": row.setting,
                "Blocks": row.blocks,
                "Average": 100 * row.average,
                **{task: 100 * row.accuracy[task] for task in TASKS},
                "Variance": 1e4 * row.variance,
            }
            for row in rows
        ]
    )


def results_frame(rows: Sequence[PublishedResult]) -> pd.DataFrame:
    """Published averages in percent: baselines in their order first, then methods from the best down."""
    order = sorted(rows, key=lambda row: (row.method not in BASELINES, row.given_the_task, -row.average))
    return pd.DataFrame(
        [
            {
                "Method": row.title,
                "Average": 100 * row.average,
                "Normalised": None if row.normalised is None else 100 * row.normalised,
                "Told the task": "yes" if row.given_the_task else "",
            }
            for row in order
        ]
    )


def published_tab(zoo: ZooFacts, rows: Sequence[EvaluationRow] = ()) -> None:
    """The tables of one source, and how to read them honestly. Sources are never shown together.

    Args:
        zoo: the open zoo, on which the M-Loss project's tables can be repeated.
        rows: of the comparison; those that repeat a published row are shown beside it.
    """
    sources = published_sources()
    name = st.selectbox(
        "Source",
        list(sources),
        key=_SOURCE,
        bind=state.BIND,
        format_func=lambda name: sources[name].title,
        help="Each source merged models of its own and evaluated them in its own way: only its own rows compare.",
    )
    name = name if name in sources else _PAGE
    st.markdown(
        f"**Published figures, not measured here**: accuracies in percent from the [source]({sources[name].url}), "
        f"{sources[name].checkpoints}. They cannot be compared with this zoo's numbers, nor with another source's."
    )
    if name == _PAGE:
        _page_tables(zoo, rows)
    else:
        _source_table(name)


def _source_table(name: str) -> None:
    rows = published_results(name)
    backbones = list(dict.fromkeys(row.backbone for row in rows))
    counts = sorted({row.tasks for row in rows})
    with st.container(horizontal=True):
        backbone = _picked("Backbone", backbones, _BACKBONE)
        count = _picked("Tasks", counts, _COUNT)
    shown = [row for row in rows if (row.backbone, row.tasks) == (backbone, count)]
    if not shown:
        st.info(f"This source has no row for {backbone} with {count} tasks.", icon=":material/table_rows:")
    else:
        frame = results_frame(shown)
        styled = frame.style.format("{:.1f}", na_rep="", subset=["Average", "Normalised"])
        columns = [column for column in frame.columns if frame[column].notna().any() and (frame[column] != "").any()]
        st.dataframe(
            styled,
            hide_index=True,
            column_order=columns,
            height="content",
            key=f"mg_results_{name}",
            alt=f"Published averages, {published_sources()[name].title}",
        )
    warnings = comparability_warnings(name)
    if warnings:
        st.markdown("**Before you compare**")
    for heading, sentences in warnings:
        st.markdown(f"- **{heading}.** {sentences}")


def _picked(label: str, values: list[Any], key: str) -> Any:
    """A choice among a source's values; one that a link or another source left behind falls back to the first."""
    if st.session_state.get(key) not in values:
        st.session_state.pop(key, None)
    chosen = st.segmented_control(label, values, default=values[0], required=True, key=key)
    return chosen if chosen in values else values[0]


def _page_tables(zoo: ZooFacts, rows: Sequence[EvaluationRow]) -> None:
    """One of the three tables of the M-Loss project's page."""
    st.caption(f"The method is described in the [paper]({PAPER}).")
    number = st.segmented_control(
        "Table",
        list(TITLES),
        default=1,
        required=True,
        key=_TABLE,
        bind=state.BIND,
        format_func=lambda number: f"Table {number}",
        label_visibility="collapsed",
    )
    number = number if number in TITLES else 1
    planned = planned_rows(zoo, number)
    frame = published_frame(published_rows(number))
    here = measured_here(published_rows(number), planned, rows)
    if here:
        frame.insert(4, HERE, here)
    formats = {name: st.column_config.NumberColumn(format="%.2f", width="small") for name in ("Average", *TASKS)}
    formats[HERE] = st.column_config.NumberColumn(
        format="%.2f", width="small", help="Average of the same recipe on the open zoo, on other images."
    )
    formats["Variance"] = st.column_config.NumberColumn("Variance %²", format="%.0f", width="small")
    formats["Method"] = st.column_config.TextColumn(pinned=True)
    shown = [name for name in frame.columns if frame[name].astype(str).str.len().any()]
    st.markdown(f"{TITLES[number]}")
    st.dataframe(
        frame,
        hide_index=True,
        column_config=formats,
        column_order=shown,
        height="content",
        key=f"mg_paper_{number}",
        placeholder="",
        alt=f"Published accuracies, {TITLES[number]}",
    )
    _repeat(zoo, number, [recipe for _, recipe in planned if recipe is not None])
    st.markdown("**How to read them**")
    for heading, sentences in reading_notes():
        st.markdown(f"- **{heading}.** {sentences}")


def planned_rows(zoo: ZooFacts, number: int) -> list[tuple[PublishedRow, Recipe | None]]:
    """The rows of a table that this zoo's depth can repeat, with their recipes; None for the Ensemble."""
    backbone = BACKBONES.get(zoo.layers)
    if backbone is None:
        return []
    planned = protocol_recipes(backbone, len(zoo.tasks))
    return [(row, None if recipe is None else tidy(recipe)) for row, recipe in planned if row.table == number]


def measured_here(
    published: Sequence[PublishedRow],
    planned: Sequence[tuple[PublishedRow, Recipe | None]],
    rows: Sequence[EvaluationRow],
) -> list[float | None]:
    """This zoo's average beside each published row, in percent; empty where the comparison holds none of them."""
    recipes = {id(row): recipe for row, recipe in planned}
    found: list[float | None] = []
    for row in published:
        recipe = recipes.get(id(row))
        key = None if id(row) not in recipes else "ensemble_features" if recipe is None else row_key(recipe)
        beside = None if key is None else find(rows, key)
        found.append(100 * beside.figure("average") if beside is not None and beside.done else None)
    merged = [value for row, value in zip(published, found, strict=True) if recipes.get(id(row)) is not None]
    return found if any(value is not None for value in merged) else []


def _repeat(zoo: ZooFacts, number: int, recipes: Sequence[Recipe]) -> None:
    if not recipes:
        depths = " or ".join(str(depth) for depth in BACKBONES)
        st.caption(f"Table {number} cannot be repeated here: its settings are for another depth ({depths} blocks).")
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.button(
            f"Repeat Table {number} on {zoo.title}",
            key="mg_repeat",
            icon=":material/replay:",
            on_click=merge_state.add,
            args=(list(recipes),),
            help="Adds these recipes, with the page's k, e, blocks and 16 images per task, to the comparison.",
        )
        st.caption(
            "Other weights, images and tasks than the published ones give other figures; `python -m mloss_core "
            "protocol` prints all tables."
        )
