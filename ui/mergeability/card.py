"""The card of one pair: where it stands by every metric, where its M-Loss is, what to expect and what was measured."""

import numpy as np
import pandas as pd
import streamlit as st

from mloss_core.mergeability.metrics.registry import CATEGORIES, METRICS
from mloss_core.mergeability.pair_names import METHODS, QUALITY
from mloss_core.wording import lower_first
from ui import formats, jobs, theme
from ui.formats import plain
from ui.mergeability.choices import DEFAULT, Choice, Pairs, by_block, method_title, number_text, pair_view, quality_view
from ui.mergeability.data import measurable, merges_request
from ui.mergeability.figures import profile_figure
from ui.mergeability.foretold import Foretold, predicted_view
from ui.mergeability.label_free import agreement_words
from ui.mergeability.matrices import View, block_profile, mean_profile, pair_sentence, rank
from ui.what_if.links import open_plane
from ui.zoo.facts import ZooFacts

_MEASURE = "_mb_measure"


def pair_card(zoo: ZooFacts, pairs: Pairs, view: View, choice: Choice, chosen: tuple[str, str]) -> None:
    """Draw the card."""
    first, second = chosen
    column = choice.metric.name if by_block(pairs, choice.metric) else DEFAULT
    blocks = pairs.blocks if column in pairs.blocks else pairs.blocks.iloc[:0].assign(**{column: []})
    profile, mean = block_profile(blocks, first, second, column), mean_profile(blocks, column)
    title = choice.metric.title + ("" if choice.block is None else f" in block {choice.block}")
    with st.container(border=True):
        st.markdown(pair_sentence(view, first, second, title, profile, mean, _profiled(column)))
        # Beside the matrix the card is too narrow for two columns.
        narrow = choice.method is None
        left, right = (st.container(), st.container()) if narrow else st.columns([0.5, 0.5], gap="medium")
        with left:
            st.table(_metric_table(pairs, choice.tasks, first, second), border="horizontal", hide_index=True)
        with right:
            if len(profile):
                theme.show(
                    profile_figure(profile, mean, f"{first} and {second}", METRICS[column].title),
                    key="mb_profile",
                    alt=f"{METRICS[column].title} of {first} and {second} by block against the mean pair.",
                )
            _quality(zoo, pairs, choice, chosen)
        if measurable(zoo, chosen):
            st.button(
                "Plane of this pair",
                key="mb_plane",
                icon=":material/tune:",
                on_click=open_plane,
                args=(first, second),
                help="Accuracy over both models' factors, with the usual merges as points and the barrier between the "
                "two.",
            )
        with st.expander("All metrics of this pair"):
            st.dataframe(_all_metrics(pairs, choice.tasks, first, second), hide_index=True, height=340)


def _profiled(column: str) -> str:
    """The profile's number, inside a sentence."""
    title = METRICS[column].title
    return "M-Loss" if column == DEFAULT else lower_first(title)


def _metric_table(pairs: Pairs, tasks: tuple[str, ...], first: str, second: str) -> pd.DataFrame:
    """The lab's own metrics and a few known ones, with their places, 1 being the most promising one."""
    shown = ("mloss", "mloss_normalised", "expert_gap_normalised", "task_vector_cosine_similarity")
    names = [*shown, "task_vector_l2_distance", "sign_conflict", "linear_cka", "subspace_overlap"]
    rows = _rows(pairs, tasks, first, second)
    return pd.DataFrame([rows[name] for name in names if name in rows])[["Metric", "Value", "Place"]]


def _all_metrics(pairs: Pairs, tasks: tuple[str, ...], first: str, second: str) -> pd.DataFrame:
    return pd.DataFrame(_rows(pairs, tasks, first, second).values())


def _rows(pairs: Pairs, tasks: tuple[str, ...], first: str, second: str) -> dict[str, dict[str, str]]:
    lines = {}
    for metric in pairs.metrics:
        view = pair_view(pairs, tasks, metric, None)
        place = rank(view, first, second)
        value = view.value(first, second)
        reason = pairs.reasons(metric.name).get(frozenset((first, second)), "")
        lines[metric.name] = {
            "Metric": metric.title,
            "Value": number_text(metric, value),
            "Place": "" if place is None else f"{place[0]} of {place[1]}",
            "Percentile": "" if not np.isfinite(value) else f"{100 * float(np.mean(view.numbers <= value)):.0f}",
            "Category": CATEGORIES[metric.category],
            "Why none": plain(reason),
        }
    return lines


def _quality(zoo: ZooFacts, pairs: Pairs, choice: Choice, chosen: tuple[str, str]) -> None:
    """What was foretold and measured of the pair's merge, and a button that measures it."""
    method = choice.method or "average"
    foretold = predicted_view(pairs, choice.tasks, choice.method)
    lines = _foretold_line(foretold, chosen)
    measured = None if choice.method is None else quality_view(pairs, choice.tasks, method).value(*chosen)
    if measured is None or not np.isfinite(measured):
        measured = _measured_now(zoo, method, chosen)
    if measured is not None and np.isfinite(measured):
        split = pairs.facts.get("split", "val")
        lines.append(f"Measured, {method_title(method)}: **{100 * measured:.1f} %** ({split} images).")
        if foretold.view is not None and np.isfinite(foretold.view.value(*chosen)):
            off = 100 * (foretold.view.value(*chosen) - measured)
            lines.append(f"The prediction is off by {formats.points(off / 100)}.")
    lines.append(agreement_words(zoo, pairs, chosen))
    st.markdown("  \n".join(line for line in lines if line))


def _foretold_line(foretold: Foretold, chosen: tuple[str, str]) -> list[str]:
    if foretold.view is None:
        return [f"No prediction: {plain(foretold.words)}."]
    value = foretold.view.value(*chosen)
    if not np.isfinite(value):
        return ["No prediction: a metric of this pair is missing."]
    one = foretold.predictions.get(frozenset(chosen))
    if one is None:
        return [f"Predicted: **{100 * value:.1f} %** of the individual models, by folds that did not see the pair."]
    interval = "" if not np.isfinite(one.low) else f" ({100 * one.low:.0f} to {100 * one.high:.0f}, 90 %)"
    flag = " :orange-badge[outside the training range]" if one.outside else ""
    return [f"Predicted: **{100 * value:.1f} %**{interval} of the individual models.{flag}"]


def _measured_now(zoo: ZooFacts, method: str, chosen: tuple[str, str]) -> float | None:
    """The pair's merge, measured when the button was pressed; progress in its place."""
    if not measurable(zoo, chosen):
        return None
    params = merges_request(zoo, chosen)
    payload = jobs.known("pair_merges", params)
    asked = st.session_state.get(_MEASURE) == (zoo.digest, chosen)
    if payload is None and asked:
        payload = jobs.job_payload("pair_merges", params, label=f"Merging {' and '.join(chosen)}")
    if payload is None:
        if not asked:
            st.button(
                "Merge and measure this pair",
                icon=":material/science:",
                on_click=st.session_state.update,
                args=({_MEASURE: (zoo.digest, chosen)},),
                help=f"On validation images, by {len(METHODS)} methods with their default options.",
            )
        return None
    value = payload.meta["pairs"][0][f"{QUALITY}{method}"]
    return float("nan") if value is None else float(value)
