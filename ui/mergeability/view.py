"""The Mergeability page: this zoo's answer, the matrix of pairs beside what was measured, one pair, and sets."""

from collections.abc import Callable, Sequence
from typing import Any

import streamlit as st

from mloss_core.mergeability.metrics.registry import METRICS
from mloss_core.mergeability.pair_names import METHODS, QUALITY, pair_text
from mloss_core.wording import SPLITS
from ui import state, theme
from ui.errors import guard
from ui.formats import plain
from ui.mergeability.answer import answer
from ui.mergeability.card import pair_card
from ui.mergeability.choices import Choice, Pairs, diverging, method_title, number_text, pair_view, quality_view, where
from ui.mergeability.controls import PAGE, controls
from ui.mergeability.data import EVERYTHING, MERGES, ask, lacks, pairs_of
from ui.mergeability.figures import matrix_figure, pair_of
from ui.mergeability.matrices import View, clustering, hardest, leaf_order, pair_table
from ui.mergeability.scatter import correlation_text, goes_with, scatter_figure
from ui.mergeability.sets import which_to_merge
from ui.zoo.facts import ZooFacts

PAIR = state.key(PAGE, "pair")
_CHART = state.key(PAGE, "matrix")
_SCATTER = state.key(PAGE, "scatter")
_CHOSEN = "_mb_pair"
_SHORT = ("cosine", "fraction", "ratio", "overlap", "similarity", "degree", "rank", "score", "weight")
"""Units whose numbers are of ordinary size."""


@guard()
def mergeability(zoo: ZooFacts) -> None:
    """Draw the page below its title."""
    if len(zoo.tasks) < 2:
        st.info("This zoo has one model: pairs need at least two.", icon=":material/info:")
        return
    place, pairs = st.container(), pairs_of(zoo)
    with place:
        choice = controls(zoo, pairs)
    if len(choice.tasks) < 2:
        st.info("Choose at least two models above: a pair needs two.", icon=":material/info:")
    elif pairs is not None:
        _show(zoo, pairs, choice)


def _pair_count(tasks: Sequence[str]) -> int:
    return len(tasks) * (len(tasks) - 1) // 2


def _show(zoo: ZooFacts, pairs: Pairs, choice: Choice) -> None:
    st.markdown(answer(pairs, choice.tasks, choice.method))
    _offers(zoo, pairs)
    view = pair_view(pairs, choice.tasks, choice.metric, choice.block)
    chosen = _chosen(choice.tasks) or hardest(view)
    matrix_place, beside = st.columns([0.52, 0.48], gap="medium")
    with matrix_place:
        _matrix(pairs, view, choice, chosen)
    with beside:
        if choice.method is not None:
            _scatter(pairs, view, choice, chosen)
        elif chosen is not None:
            pair_card(zoo, pairs, view, choice, chosen)
    if choice.method is not None and chosen is not None:
        pair_card(zoo, pairs, view, choice, chosen)
    which_to_merge(pairs, choice.tasks, choice.method)
    _table(pairs, choice)


def _offers(zoo: ZooFacts, pairs: Pairs) -> None:
    """Buttons for the longer work: all metrics, and merges of all pairs."""
    metrics, merges = lacks(zoo, pairs)
    if not (metrics or merges):
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        if metrics:
            st.button(
                "Measure all metrics",
                icon=":material/query_stats:",
                on_click=ask,
                args=(EVERYTHING, zoo),
                help="Singular directions, activations and gradients of every model: a minute for small models, "
                "minutes for ViT-B/32. It goes on where it was if it is stopped.",
            )
        if merges:
            st.button(
                "Merge and measure all pairs",
                icon=":material/science:",
                on_click=ask,
                args=(MERGES, zoo),
                help=f"{_pair_count(zoo.tasks)} pairs, {len(METHODS)} methods, validation images.",
            )


def _scatter(pairs: Pairs, view: View, choice: Choice, chosen: tuple[str, str] | None) -> None:
    method = str(choice.method)
    quality = quality_view(pairs, choice.tasks, method)
    found = goes_with(view, quality)
    fig = scatter_figure(
        view,
        quality,
        label=choice.metric.title,
        method=method_title(method),
        found=found,
        chosen=chosen,
        text=lambda value: number_text(choice.metric, value),
    )
    theme.show(
        fig,
        key=_SCATTER,
        on_select=_clicked(_SCATTER, choice.tasks),
        alt=f"{choice.metric.title} against measured quality of {found.pairs} merged pairs: {correlation_text(found)}.",
    )
    split = SPLITS.get(str(pairs.facts.get("split")), "")
    st.caption(f"A point is a pair, merged and evaluated on {split} images of its two tasks. Click one to see it.")


def _matrix(pairs: Pairs, view: View, choice: Choice, chosen: tuple[str, str] | None) -> None:
    metric = choice.metric
    tree = clustering(view) if choice.order == "clustered" else None
    over = where(metric, choice.block)
    fig = matrix_figure(
        view.reordered(leaf_order(tree, len(view.tasks))),
        f"{metric.title}, {over}" if over else metric.title,
        label=metric.title,
        tree=tree,
        chosen=chosen,
        reasons=pairs.reasons(metric.name),
        diverging=diverging(metric),
        text=lambda value: number_text(metric, value),
    )
    worst = hardest(view)
    theme.show(
        fig,
        key=_CHART,
        on_select=_clicked(_CHART, view.tasks),
        alt=f"{metric.title} of {len(view.numbers)} pairs of models"
        + (f"; {worst[0]} and {worst[1]} promise the worst merge." if worst else "."),
    )
    st.caption("Click a cell to see that pair.")
    missing = _pair_count(view.tasks) - len(view.numbers)
    if missing:
        why = next(iter(pairs.reasons(metric.name).values()), "it was not measured")
        pairs_have = "1 pair has" if missing == 1 else f"{missing} pairs have"
        kept = " Without all numbers the order is the zoo's." if choice.order == "clustered" else ""
        st.caption(f"Empty cells: {pairs_have} no number: {plain(why)}.{kept}")


def _clicked(chart: str, tasks: Sequence[str]) -> Callable[[], None]:
    def clicked() -> None:
        pair = pair_of(theme.selected_id(st.session_state.get(chart)), tasks)
        if pair is not None:
            st.session_state[_CHOSEN] = pair
            state.write(PAIR, pair_text(*pair))

    return clicked


def _chosen(tasks: Sequence[str]) -> tuple[str, str] | None:
    """The clicked pair, or the link's, if both models are on the page."""
    held = st.session_state.get(_CHOSEN)
    text = pair_text(*held) if held else st.query_params.get(PAIR)
    return pair_of(text, tasks)


def _table(pairs: Pairs, choice: Choice) -> None:
    names = [metric.name for metric in pairs.metrics]
    names += [f"{QUALITY}{method}" for method in pairs.measured]
    name = choice.metric.name
    table = pair_table(pairs.numbers, choice.tasks, names, name, descending=bool(choice.metric.higher_is_better))
    with st.expander(f"Table of pairs ({len(table)})", icon=":material/table:"):
        st.dataframe(
            table,
            hide_index=True,
            height="content" if len(table) <= 12 else 440,
            placeholder="",
            column_config=_table_columns(names),
            alt=f"All pairs, the most promising by {choice.metric.title} first",
        )
        st.download_button(
            "Download as CSV",
            table.to_csv(index=False),
            "pairs.csv",
            "text/csv",
            on_click="ignore",
            icon=":material/download:",
        )


def _table_columns(names: Sequence[str]) -> dict[str, Any]:
    columns: dict[str, Any] = {"task_a": "Model", "task_b": "With"}
    for name in names:
        if name.startswith(QUALITY):
            title = method_title(name.removeprefix(QUALITY))
            columns[name] = st.column_config.NumberColumn(f"{title}, measured", format="percent")
            continue
        shape = "%.3f" if METRICS[name].unit in _SHORT else "scientific"
        columns[name] = st.column_config.NumberColumn(METRICS[name].title, help=METRICS[name].summary, format=shape)
    return columns
