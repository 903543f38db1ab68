"""The controls of the Mergeability page."""

import streamlit as st

from mloss_core.mergeability.metrics.registry import CATEGORIES, METRICS
from ui import state
from ui.formats import plain
from ui.mergeability.choices import DEFAULT, Choice, Pairs, by_block, direction, method_title, option_text
from ui.mergeability.data import offered_metrics
from ui.zoo.facts import ZooFacts
from ui.zoo.needs import image_needs

PAGE = "mb"
METRIC = state.key(PAGE, "metric")
MODELS = state.key(PAGE, "models")
BLOCK = state.key(PAGE, "block")
ORDER = state.key(PAGE, "order")
METHOD = state.key(PAGE, "method")
_WHOLE = "all"
_ORDERS = {"clustered": "Clustered", "zoo": "As in the zoo"}


def controls(zoo: ZooFacts, pairs: Pairs | None) -> Choice:
    """Draw the controls; their choice, as far as the pairs that are known allow."""
    known = offered_metrics(zoo) if pairs is None else [metric.name for metric in pairs.metrics]
    offered = sorted(known, key=lambda name: list(CATEGORIES).index(METRICS[name].category))
    usual = DEFAULT if DEFAULT in offered else offered[0]
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name = st.selectbox(
            "Compare by",
            offered,
            index=offered.index(usual),
            key=METRIC,
            bind=state.BIND,
            width=290,
            format_func=lambda name: option_text(name) if name in METRICS else name,
            help="Type to search by name or category.",
        )
        metric = METRICS[name if name in offered else usual]
        block = _block_choice(zoo, enabled=pairs is not None and by_block(pairs, metric))
        method = None if pairs is None else _method_choice(pairs)
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
    chosen = _models(zoo)
    st.caption(f"{metric.summary} {direction(metric)}")
    if image_needs(zoo, ""):
        st.caption(f"{image_needs(zoo, 'Pairwise M-Loss needs')} Shown: what the weights alone tell.")
    return Choice(metric, block, chosen, order or "clustered", method)


def _models(zoo: ZooFacts) -> tuple[str, ...]:
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
    return tuple(task for task in zoo.tasks if task in set(chosen or ()))


def _method_choice(pairs: Pairs) -> str | None:
    """The method whose merges the metric is held against; None where no pair was merged."""
    if not pairs.measured:
        return None
    word = st.selectbox(
        "Held against merges by",
        pairs.measured,
        key=METHOD,
        bind=state.BIND,
        width=160,
        format_func=method_title,
        help="Every pair was merged by this method with its default options and evaluated on its own two tasks.",
    )
    return word if word in pairs.measured else pairs.measured[0]


def _block_choice(zoo: ZooFacts, enabled: bool) -> int | None:
    options = [_WHOLE, *map(str, range(zoo.layers))]
    word = st.selectbox(
        "Block",
        options,
        key=BLOCK,
        bind=state.BIND,
        width=110,
        disabled=not enabled,
        format_func=lambda word: "All blocks" if word == _WHOLE else f"Block {word}",
        help="M-Loss, the expert gap and CKA exist for each block; the other metrics for the whole model only.",
    )
    return int(word) if enabled and word in options[1:] else None
