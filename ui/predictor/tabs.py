"""What carries the prediction and what it is good for: one tab at a time is computed."""

import math
from collections.abc import Sequence

import pandas as pd
import streamlit as st

from mloss_core.mergeability.predictor.adding import AddedValue
from mloss_core.mergeability.predictor.columns import MLOSS_COLUMNS, category, category_title, title
from mloss_core.mergeability.predictor.metrics_alone import SingleMetric
from mloss_core.mergeability.predictor.results import CrossValidation
from mloss_core.mergeability.predictor.solvers import NESTED
from ui import state
from ui.formats import plain
from ui.predictor.controls import Unit
from ui.predictor.detail_figures import (
    ablation_figure,
    alone_figure,
    choosing_figure,
    coefficients_figure,
    steadiness_figure,
)
from ui.predictor.foretell import foretell
from ui.predictor.results import Question, ablated, added, alone, chosen_set, steadiness
from ui.predictor.source import PAGE, Source
from ui.predictor.words import number
from ui.theme import show
from ui.zoo.facts import ZooFacts

TABS = ("Coefficients", "Ablations", "Metrics alone", "Choosing", "What one adds", "How many tasks", "Foretell")
TAB, SIZE, ADDED = state.key(PAGE, "tab"), state.key(PAGE, "size"), state.key(PAGE, "added")


def details(zoo: ZooFacts, source: Source, question: Question, result: CrossValidation, unit: Unit) -> None:
    """The tabs below the two charts."""
    tabs = st.tabs(TABS, key=TAB, on_change="rerun", bind=state.BIND)
    drawers = (_coefficients, _ablations, _alone, _choosing, _added, _steadiness)
    for tab, draw in zip(tabs, drawers, strict=False):
        if tab.open:
            with tab:
                draw(question, result, unit)
    if tabs[-1].open:
        with tabs[-1], st.spinner("Fitting on all pairs", show_time=True):
            foretell(zoo, source, question, result, unit)


def _coefficients(question: Question, result: CrossValidation, unit: Unit) -> None:
    fig = coefficients_figure(result)
    if fig is None:
        st.caption("A network has no coefficients.")
        return
    show(fig, key="pr_coefficients", alt="Mean coefficients of the metrics that matter most, with selection rates.")
    st.caption(
        "Metrics that copy each other share their weight in arbitrary ways: read a coefficient together with the "
        "ablation of its category."
    )
    with st.expander("Table of coefficients", icon=":material/table:"):
        st.dataframe(coefficient_table(result), hide_index=True, alt="All coefficients")


def coefficient_table(result: CrossValidation) -> pd.DataFrame:
    """Every metric with category, coefficient, spread over folds, selection rate and importance."""
    means, spread = result.coefficients() or {}, result.coefficient_sd() or {}
    rates, weight = result.selection_rate() or {}, result.importance() or {}
    names = sorted(means, key=lambda name: -weight[name])
    return pd.DataFrame(
        {
            "Metric": [title(name) for name in names],
            "Category": [category_title(category(name)) for name in names],
            "Coefficient": [means[name] for name in names],
            "Sd over folds": [spread[name] for name in names],
            "Used in folds, %": [100 * rates[name] for name in names],
            "Importance": [weight[name] for name in names],
        }
    )


def _ablations(question: Question, result: CrossValidation, unit: Unit) -> None:
    found = ablated(question, result)
    known = [one for one in found if one.change == one.change]
    if not known:
        st.caption("All metrics are of one category: nothing would be left.")
        return
    worst = min(known, key=lambda one: one.change)
    show(
        ablation_figure(found, result.headline),
        key="pr_ablations",
        alt=f"Without {category_title(worst.category)} r changes by {number(worst.change)}, the most of all.",
    )


def _alone(question: Question, result: CrossValidation, unit: Unit) -> None:
    found = alone(question, result)
    strong = sum(one.p_family < 0.05 for one in found)
    show(
        alone_figure(found),
        key="pr_alone",
        alt=f"{title(found[0].metric)} has the largest r, {number(found[0].pearson)}.",
    )
    st.caption(
        f"p: share of 2,000 renamings of the tasks whose |r| is at least as large. Pairs share tasks, so shuffling "
        f"pairs would find too much. After looking at all {len(found)}, {strong or 'none'} "
        f"{'stands' if strong < 2 else 'stand'} out (p < 0.05)."
    )
    with st.expander("Table of metrics", icon=":material/table:"):
        st.dataframe(alone_table(found), hide_index=True, alt="Every metric alone")


def alone_table(found: Sequence[SingleMetric]) -> pd.DataFrame:
    """Every metric alone with its correlations and p-values."""
    return pd.DataFrame(
        {
            "Metric": [title(one.metric) for one in found],
            "r": [one.pearson for one in found],
            "Rank correlation": [one.spearman for one in found],
            "Pairs": [one.n for one in found],
            "p": [one.p for one in found],
            "p of all": [one.p_family for one in found],
        }
    )


def _choosing(question: Question, result: CrossValidation, unit: Unit) -> None:
    left, right = st.columns([0.6, 0.4], gap="medium")
    with left:
        show(
            choosing_figure(result, unit),
            key="pr_choosing",
            alt=f"Choosing {result.scores.k} pairs by prediction loses {unit.lost(result.scores.lost)}, by chance "
            f"{unit.lost(result.scores.lost_random)}.",
        )
    with right:
        _best_set(question, result, unit)


def _best_set(question: Question, result: CrossValidation, unit: Unit) -> None:
    count = len(result.problem.rows.tasks)
    size = st.slider("Models to merge", 2, min(10, count), min(5, count), key=SIZE, bind=state.BIND)
    found = chosen_set(question, int(size), result)
    st.markdown(f"**By prediction**: {', '.join(map(plain, found.predicted))}")
    st.markdown(f"**By measurement**: {', '.join(map(plain, found.measured))}")
    st.caption(
        f"Each set by the mean over its pairs, predictions of left-out pairs alone. Choosing by prediction loses "
        f"{unit.lost(found.lost)}, by chance {unit.lost(found.lost_random)}."
    )


def _added(question: Question, result: CrossValidation, unit: Unit) -> None:
    if len(result.metrics) < 2:
        st.caption("There is one metric, and nothing that it could add to.")
        return
    if result.solver.seeded or result.alpha == NESTED:
        st.caption("This takes a hundred cross-validations: choose a fixed penalty, or ridge or least squares.")
        return
    names = list(result.metrics)
    usual = next((names.index(name) for name in MLOSS_COLUMNS if name in names), 0)
    name = st.selectbox(
        "Does it add to all the others?",
        names,
        index=usual,
        key=ADDED,
        bind=state.BIND,
        width=360,
        format_func=lambda name: plain(title(name)),
    )
    with st.spinner("Renaming its tasks, a cross-validation each", show_time=True):
        found = added(question, (name if name in names else names[usual],), result)
    st.markdown(added_words(title(name), found))
    st.caption(
        f"p: share of {found.permutations} renamings of this metric's tasks in which it adds at least as much; any "
        "column of numbers gives a fit something to use."
    )


def added_words(metric: str, found: AddedValue) -> str:
    """What a metric adds, as Markdown."""
    error = "" if math.isnan(found.standard_error) else f" ± {number(found.standard_error)}, paired over folds"
    sign = "+" if found.change >= 0 else ""
    return (
        f"All others have r = {number(found.without)}; with **{plain(metric)}** it is {number(found.with_them)}: "
        f"**{sign}{number(found.change)}**{error} (p = {found.p:.2f})."
    )


def _steadiness(question: Question, result: CrossValidation, unit: Unit) -> None:
    with st.spinner("Fitting on fewer tasks", show_time=True):
        found = steadiness(question, result)
    show(steadiness_figure(found), key="pr_steadiness", alt="Correlation against the number of tasks.")
