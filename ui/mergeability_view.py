"""The Mergeability page: the matrix of pairs, the card of one pair, and the table of all."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from mloss_core.recipe import MLossOptions
from ui import formats, jobs, state, theme
from ui.cached import ZooFacts
from ui.mergeability_choices import DEFAULT, NUMBERS, PairNumber, number_text, pair_view, where
from ui.mergeability_data import (
    View,
    block_profile,
    clustering,
    hardest,
    leaf_order,
    mean_profile,
    pair_sentence,
    pair_table,
)
from ui.mergeability_figures import matrix_figure, pair_of, profile_figure

if TYPE_CHECKING:
    from mloss_core.lab.kinds import Payload

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
METRICS = ("task_vector_cosine", "sign_conflict")


def mergeability(zoo: ZooFacts) -> None:
    """Draw the page below its title."""
    left, right = st.columns([0.26, 0.74], gap="medium")
    with left:
        number, block, tasks, order = _controls(zoo)
    with right:
        if len(zoo.tasks) < 2:
            st.info("This zoo has one model: pairs need at least two.", icon=":material/info:")
            return
        if len(tasks) < 2:
            st.info("Choose at least two models on the left: a pair needs two.", icon=":material/info:")
            return
        payload = jobs.job_payload("pairs", request(zoo), label=f"Comparing {_pair_count(zoo.tasks)} pairs")
        if payload is None:
            return
        pairs, blocks = read_pairs(payload)
        _show(pairs, blocks, tasks, number, block, order)


def request(zoo: ZooFacts) -> dict[str, Any]:
    """The request for all pairs of the zoo; every choice on the page is answered from its result."""
    return {"zoo": zoo.name, "tasks": None, "mloss": MLossOptions().to_dict(), "metrics": list(METRICS)}


def read_pairs(payload: "Payload") -> tuple[pd.DataFrame, pd.DataFrame]:
    """The frames of a `pairs` payload: one row a pair, and one row a pair and block."""
    return pd.DataFrame(payload.meta["pairs"]), pd.DataFrame(payload.meta["blocks"])


def _pair_count(tasks: Sequence[str]) -> int:
    return len(tasks) * (len(tasks) - 1) // 2


def _controls(zoo: ZooFacts) -> tuple[PairNumber, int | None, tuple[str, ...], str]:
    name = st.selectbox(
        "Compare by", list(NUMBERS), index=list(NUMBERS).index(DEFAULT), key=METRIC, bind=state.BIND,
        format_func=lambda name: NUMBERS[name].title,
    )  # fmt: skip
    number = NUMBERS[name if name in NUMBERS else DEFAULT]
    st.caption(number.meaning)
    block = None
    if number.by_block:
        options = [_WHOLE, *map(str, range(zoo.layers))]
        choice = st.selectbox(
            "Block", options, key=BLOCK, bind=state.BIND,
            format_func=lambda word: "All blocks (mean)" if word == _WHOLE else f"Block {word}",
        )  # fmt: skip
        block = int(choice) if choice in options[1:] else None
    state.prune(MODELS, zoo.tasks)
    chosen = st.pills(
        "Models", zoo.tasks, selection_mode="multi", default=zoo.tasks, key=MODELS, bind=state.BIND, wrap=True,
        help="The fine-tuned models to compare. The matrix follows at once.",
    )  # fmt: skip
    order = st.segmented_control(
        "Order", list(_ORDERS), default="clustered", required=True, key=ORDER, bind=state.BIND, wrap=True,
        format_func=lambda word: _ORDERS.get(word, word),
        help="Clustered puts models that get along side by side: average linkage of the numbers shown, with its tree "
        "on top.",
    )  # fmt: skip
    return number, block, tuple(task for task in zoo.tasks if task in set(chosen or ())), order or "clustered"


def _show(
    pairs: pd.DataFrame, blocks: pd.DataFrame, tasks: tuple[str, ...], number: PairNumber, block: int | None, order: str
) -> None:
    view = pair_view(pairs, blocks, tasks, number, block)
    chosen = _chosen(tasks) or hardest(view)
    matrix_place, card_place = st.columns([0.58, 0.42], gap="medium")
    with matrix_place:
        _matrix(view, number, block, order, chosen)
    with card_place:
        if chosen is not None:
            _card(pairs, blocks, tasks, view, number, block, chosen)
    _table(pairs, blocks, tasks, number, block)


def _matrix(view: View, number: PairNumber, block: int | None, order: str, chosen: tuple[str, str] | None) -> None:
    tree = clustering(view) if order == "clustered" else None
    shown = view.reordered(leaf_order(tree, len(view.tasks)))
    fig = matrix_figure(
        shown, f"{number.title} of each pair, {where(number, block)}", label=number.title, tree=tree, chosen=chosen,
        reason=number.reason, diverging=number.diverging, text=lambda value: number_text(number, value),
    )  # fmt: skip
    worst = hardest(view)
    words = f"{number.title} of {len(view.numbers)} pairs of models"
    theme.show(
        fig, key=_CHART, on_select=_clicked(view.tasks),
        alt=words + (f"; {worst[0]} and {worst[1]} promise the worst merge." if worst else "."),
    )  # fmt: skip
    if order == "clustered" and tree is None and len(view.tasks) > 2:
        st.caption("Some pairs have no number, so there is no clustering: the order is the zoo's.")
    missing = _pair_count(view.tasks) - len(view.numbers)
    if missing:
        pairs = "1 pair has" if missing == 1 else f"{missing} pairs have"
        st.caption(f"Empty cells: {pairs} no number, because {number.reason}.")


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


def _card(
    pairs: pd.DataFrame, blocks: pd.DataFrame, tasks: tuple[str, ...], view: View, number: PairNumber,
    block: int | None, chosen: tuple[str, str],
) -> None:  # fmt: skip
    first, second = chosen
    with st.container(border=True):
        column = number.name if number.by_block else DEFAULT
        profile, mean = block_profile(blocks, first, second, column), mean_profile(blocks, tasks, column)
        st.markdown(pair_sentence(view, first, second, _title(number, block), profile, mean))
        with st.container(horizontal=True):
            for other in NUMBERS.values():
                value = pair_view(pairs, blocks, tasks, other, None).value(first, second)
                st.metric(other.title, number_text(other, value), help=f"{other.meaning} Over {where(other, None)}.")
        if len(profile):
            theme.show(
                profile_figure(profile, mean, f"{first} and {second}"), key="mb_profile",
                alt=f"M-Loss of {first} and {second} by block against the mean pair.",
            )  # fmt: skip
        st.caption("Click a cell of the matrix to see another pair.")


def _table(
    pairs: pd.DataFrame, blocks: pd.DataFrame, tasks: tuple[str, ...], number: PairNumber, block: int | None
) -> None:
    merged = all_numbers(pairs, blocks)
    heading = {name: NUMBERS[name].title for name in NUMBERS if name in merged}
    table = pair_table(merged, tasks, heading, number.name, descending=number.higher_is_better)
    with st.expander(f"All {len(table)} pairs as a table", icon=":material/table:"):
        st.dataframe(
            table, hide_index=True, height="content" if len(table) <= 12 else 440, placeholder="",
            column_config=_table_columns(heading), alt=f"All pairs, the most promising by {number.title} first",
        )  # fmt: skip
        st.download_button(
            "Download as CSV", table.to_csv(index=False), "pairs.csv", "text/csv", on_click="ignore",
            icon=":material/download:",
        )  # fmt: skip


def all_numbers(pairs: pd.DataFrame, blocks: pd.DataFrame) -> pd.DataFrame:
    """Every number about whole pairs in one frame, one row a pair."""
    by_block = [number.name for number in NUMBERS.values() if number.by_block and number.name in blocks]
    means = blocks.groupby(["task_a", "task_b"], as_index=False, sort=False)[by_block].mean()
    rest = pairs.drop(columns=[name for name in by_block if name in pairs])
    return means.merge(rest, on=["task_a", "task_b"], how="outer", sort=False)


def _table_columns(heading: Mapping[str, str]) -> dict[str, Any]:
    number = st.column_config.NumberColumn
    columns: dict[str, Any] = {
        name: number(title, help=NUMBERS[name].meaning, format="scientific" if name == DEFAULT else "%.3f")
        for name, title in heading.items()
    }
    return {"task_a": "Model", "task_b": "With", **columns}


def _title(number: PairNumber, block: int | None) -> str:
    return number.title if block is None or not number.by_block else f"{number.title} in block {block}"
