"""Thresholds of masks chosen for each task on its validation images: the curves, the best of each, a button."""

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go
import streamlit as st

from ui import jobs, merge_state, state, theme
from ui.cached import ZooFacts
from ui.merge_draft import Draft
from ui.merge_entries import tidy
from ui.merge_results import limited
from ui.options_form import widget_key

FIELDS = ("threshold", "thresholds")


def has_thresholds(draft: Draft) -> bool:
    """Whether the method gives each task a model under a threshold of its own."""
    return draft.method.output == "per_task" and all(hasattr(draft.options, name) for name in FIELDS)


def threshold_section(zoo: ZooFacts, draft: Draft) -> None:
    """A switch; when it is on, what each threshold reaches on each task's validation images."""
    wanted = st.toggle(
        "Find λ of each task on validation images", key=merge_state.TUNE, bind=state.BIND,
        help="Merges once for each of 0.2, 0.3, 0.4, 0.5 and 0.6, and takes for each task the one with which its own "
        "model does best, the smallest of equal ones. Test images play no part.",
    )  # fmt: skip
    if not wanted or draft.recipe is None:
        return
    plain = tidy(draft.recipe.replace(options={k: v for k, v in draft.recipe.options.items() if k not in FIELDS}))
    params = {"zoo": zoo.name, "recipe": plain.to_dict()} | limited(merge_state.held_limit(zoo))
    result = jobs.job_result("merge_thresholds", "tune", params, label="Trying thresholds", reserve=250)
    if result.payload is None or "thresholds" not in result.payload.meta:
        return
    found = result.payload.meta
    theme.show(threshold_curves(found), key="mg_threshold_curves", alt=sentence(found), stale=result.stale)
    st.caption(sentence(found))
    if not result.stale:
        values = tuple(found["thresholds"].values())
        st.button(
            "Use these λ", key="mg_use_thresholds", icon=":material/check:", width="stretch",
            disabled=tuple(getattr(draft.options, "thresholds", None) or ()) == values, on_click=_use,
            args=(draft.method.name, values),
        )  # fmt: skip


def threshold_curves(found: Mapping[str, Any]) -> go.Figure:
    """Validation accuracy of each task's own model by threshold; the chosen one of each task stands out."""
    fig = theme.figure("Validation accuracy by λ, %", x="Threshold λ", height=250)
    curve = {point["threshold"]: point["tasks"] for point in found["curve"]}
    for place, (task, best) in enumerate(found["thresholds"].items()):
        colour = theme.CATEGORY[place % len(theme.CATEGORY)]
        fig.add_scatter(
            x=list(curve), y=[100 * accuracy[task] for accuracy in curve.values()], mode="lines", name=task,
            line={"color": colour, "width": 1.3}, hovertemplate=f"{task} at λ %{{x:g}}: %{{y:.1f}} %<extra></extra>",
        )  # fmt: skip
        fig.add_scatter(
            x=[best], y=[100 * curve[best][task]], mode="markers", showlegend=False, hoverinfo="skip",
            marker={"color": colour, "size": 9, "symbol": "diamond"},
        )  # fmt: skip
    fig.update_layout(showlegend=False)
    return fig


def sentence(found: Mapping[str, Any]) -> str:
    """The chosen thresholds, in words."""
    chosen = ", ".join(f"{task} {value:g}" for task, value in found["thresholds"].items())
    return f"Best on {sum(found['counts'].values())} validation images: λ {chosen}."


def _use(method: str, values: tuple[float, ...]) -> None:
    text = ",".join(f"{value:g}" for value in values)
    st.session_state[widget_key(merge_state.form_key(method), "thresholds")] = text
