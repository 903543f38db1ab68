"""The Mergeability page: the matrix of pairs, the card of one pair, and the table of all."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from mloss_core.mergeability.metrics import METRICS, Metric
from mloss_core.recipe import MLossOptions
from ui import jobs, state, theme
from ui.errors import guard
from ui.formats import plain
from ui.mergeability.choices import BY_BLOCK, DEFAULT, Pairs, direction, diverging, number_text, pair_view, where
from ui.mergeability.figures import matrix_figure, pair_of, profile_figure
from ui.mergeability.matrices import (
    View,
    block_profile,
    clustering,
    hardest,
    leaf_order,
    mean_profile,
    pair_sentence,
    pair_table,
    rank,
)
from ui.zoo.facts import ZooFacts
from ui.zoo.needs import image_needs

if TYPE_CHECKING:
    from mloss_core.lab.requests import Payload

PAGE = "mb"
METRIC = state.key(PAGE, "metric")
MODELS = state.key(PAGE, "models")
BLOCK = state.key(PAGE, "block")
ORDER = state.key(PAGE, "order")
PAIR = state.key(PAGE, "pair")
_CHART = state.key(PAGE, "matrix")
_CHOSEN = "_mb_pair"
_WHOLE = "all"
_ORDERS = {"clustered": "Clustered", "zoo": "As in the zoo"}


@dataclasses.dataclass(frozen=True)
class Choice:
    """What the page shows: a metric, of one block or of all, for some models, in an order."""

    metric: Metric
    block: int | None
    tasks: tuple[str, ...]
    order: str


@guard()
def mergeability(zoo: ZooFacts) -> None:
    """Draw the page below its title."""
    choice = _controls(zoo)
    if len(zoo.tasks) < 2:
        st.info("This zoo has one model: pairs need at least two.", icon=":material/info:")
        return
    if len(choice.tasks) < 2:
        st.info("Choose at least two models above: a pair needs two.", icon=":material/info:")
        return
    count = _pair_count(zoo.tasks)
    payload = jobs.job_payload("pairs", request(zoo), label=f"Comparing {count} pairs of models")
    if payload is not None:
        _show(read_pairs(payload), choice)


def request(zoo: ZooFacts) -> dict[str, Any]:
    """The request for all pairs of the zoo; every choice on the page is answered from its result."""
    return {"zoo": zoo.name, "tasks": None, "mloss": MLossOptions().to_dict(), "metrics": list(offered_metrics(zoo))}


def offered_metrics(zoo: ZooFacts) -> dict[str, Metric]:
    """The metrics that this zoo can have: without images of its tasks, those of weights alone."""
    blind = bool(image_needs(zoo, ""))
    return {name: metric for name, metric in METRICS.items() if not (blind and metric.needs_data)}


def read_pairs(payload: "Payload") -> Pairs:
    """What a `pairs` payload holds."""
    meta = payload.meta
    return Pairs(pd.DataFrame(meta["pairs"]), pd.DataFrame(meta["blocks"]), tuple(meta.get("undefined", ())))


def _pair_count(tasks: Sequence[str]) -> int:
    return len(tasks) * (len(tasks) - 1) // 2


def _controls(zoo: ZooFacts) -> Choice:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        offered = offered_metrics(zoo)
        usual = DEFAULT if DEFAULT in offered else next(iter(offered))
        name = st.selectbox(
            "Compare by",
            list(offered),
            index=list(offered).index(usual),
            key=METRIC,
            bind=state.BIND,
            width=270,
            format_func=lambda name: METRICS[name].title,
        )
        metric = offered.get(name) or offered[usual]
        block = _block_choice(zoo, enabled=metric.name in BY_BLOCK)
        order = st.segmented_control(
            "Order",
            list(_ORDERS),
            default="clustered",
            required=True,
            key=ORDER,
            bind=state.BIND,
            format_func=lambda word: _ORDERS.get(word, word),
            help="Clustered puts models that get along side by side: average linkage of the numbers shown, with its "
            "tree on top.",
        )
    state.prune(MODELS, zoo.tasks)
    chosen = st.pills(
        "Models",
        zoo.tasks,
        selection_mode="multi",
        default=zoo.tasks,
        format_func=plain,
        key=MODELS,
        bind=state.BIND,
        wrap=True,
        label_visibility="collapsed",
    )
    st.caption(f"{metric.summary} {direction(metric)}")
    if len(offered) < len(METRICS):
        st.caption(f"{image_needs(zoo, 'Pairwise M-Loss needs')} Shown: what the weights alone tell.")
    return Choice(metric, block, tuple(task for task in zoo.tasks if task in set(chosen or ())), order or "clustered")


def _block_choice(zoo: ZooFacts, enabled: bool) -> int | None:
    options = [_WHOLE, *map(str, range(zoo.layers))]
    word = st.selectbox(
        "Block",
        options,
        key=BLOCK,
        bind=state.BIND,
        width=150,
        disabled=not enabled,
        format_func=lambda word: "All blocks" if word == _WHOLE else f"Block {word}",
        help="M-Loss exists for each block; the other metrics for the whole model only.",
    )
    return int(word) if enabled and word in options[1:] else None


def _show(pairs: Pairs, choice: Choice) -> None:
    view = pair_view(pairs, choice.tasks, choice.metric, choice.block)
    chosen = _chosen(choice.tasks) or hardest(view)
    matrix_place, card_place = st.columns([0.54, 0.46], gap="medium")
    with matrix_place:
        _matrix(pairs, view, choice, chosen)
    with card_place:
        if chosen is not None:
            _card(pairs, view, choice, chosen)
    _table(pairs, choice)


def _matrix(pairs: Pairs, view: View, choice: Choice, chosen: tuple[str, str] | None) -> None:
    metric = choice.metric
    tree = clustering(view) if choice.order == "clustered" else None
    fig = matrix_figure(
        view.reordered(leaf_order(tree, len(view.tasks))),
        f"{metric.title}, {where(metric, choice.block)}",
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
        on_select=_clicked(view.tasks),
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


def _clicked(tasks: Sequence[str]) -> Callable[[], None]:
    def clicked() -> None:
        pair = pair_of(theme.selected_id(st.session_state.get(_CHART)), tasks)
        if pair is not None:
            st.session_state[_CHOSEN] = pair
            state.write(PAIR, "|".join(pair))

    return clicked


def _chosen(tasks: Sequence[str]) -> tuple[str, str] | None:
    """The clicked pair, or the link's, if both models are on the page."""
    held = st.session_state.get(_CHOSEN)
    text = "|".join(held) if held else st.query_params.get(PAIR)
    return pair_of(text, tasks)


def _card(pairs: Pairs, view: View, choice: Choice, chosen: tuple[str, str]) -> None:
    first, second = chosen
    column = BY_BLOCK.get(choice.metric.name, "mloss")
    profile, mean = block_profile(pairs.blocks, first, second, column), mean_profile(pairs.blocks, column)
    title = choice.metric.title + ("" if choice.block is None else f" in block {choice.block}")
    with st.container(border=True):
        st.markdown(pair_sentence(view, first, second, title, profile, mean))
        st.table(_metric_table(pairs, choice.tasks, first, second), border="horizontal", hide_index=True)
        if len(profile):
            theme.show(
                profile_figure(profile, mean, f"{first} and {second}"),
                key="mb_profile",
                alt=f"M-Loss of {first} and {second} by block against the mean pair.",
            )


def _metric_table(pairs: Pairs, tasks: Sequence[str], first: str, second: str) -> pd.DataFrame:
    """Every metric of one pair with its place, 1 being the most promising one."""
    lines = []
    for metric in pairs.metrics:
        view = pair_view(pairs, tasks, metric, None)
        place = rank(view, first, second)
        lines.append(
            {
                "Metric": metric.title,
                "Value": number_text(metric, view.value(first, second)),
                "Place": "" if place is None else f"{place[0]} of {place[1]}",
            }
        )
    return pd.DataFrame(lines)


def _table(pairs: Pairs, choice: Choice) -> None:
    names = [metric.name for metric in pairs.metrics]
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
        shape = "scientific" if METRICS[name].unit == "squared activation" else "%.3f"
        columns[name] = st.column_config.NumberColumn(METRICS[name].title, help=METRICS[name].summary, format=shape)
    return columns
