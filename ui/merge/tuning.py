"""The scale found by a criterion: the curve over scales, the best one, and a button that takes it."""

from typing import Any

import streamlit as st

from mloss_core.evaluation.criteria.choice import Choice
from mloss_core.lab.requests import limited
from mloss_core.merging.methods import tidy
from mloss_core.recipe import Recipe
from ui import jobs, state, theme
from ui.formats import plain
from ui.merge import state as merge_state
from ui.merge.choosing import choice_controls, choice_request
from ui.merge.draft import Draft
from ui.merge.tuning_figures import SCALE, scale_curve, sentence, threshold_curves, threshold_sentence
from ui.options_form import widget_key
from ui.zoo.facts import ZooFacts

THRESHOLD_FIELDS = ("threshold", "thresholds")


def tuning_section(zoo: ZooFacts, draft: Draft) -> None:
    """A switch; when it is on, the curve of the recipe under construction, or its thresholds task by task."""
    if draft.recipe is not None and has_thresholds(draft):
        threshold_section(zoo, draft)
        return
    if draft.recipe is None or not has_scale(draft):
        return
    wanted = st.toggle(
        "Find λ",
        key=merge_state.TUNE,
        bind=state.BIND,
        help="Merges once, then tries scales in steps of 0.2 until three in a row are no better, and 0.1 to both sides "
        "of the best. Test images play no part.",
    )
    if not wanted:
        return
    params = _request(zoo, without_scale(draft.recipe), choice_controls(zoo))
    result = jobs.job_result("merge_tune", "tune", params, label="Trying scales", reserve=230)
    if result.payload is None:
        return
    found = result.payload.meta
    theme.show(scale_curve(found), key="mg_scale_curve", alt=sentence(found), stale=result.stale)
    st.caption(sentence(found))
    if not result.stale:
        st.button(
            f"Use λ {found[SCALE]:g}",
            key="mg_use_scale",
            icon=":material/check:",
            width="stretch",
            disabled=getattr(draft.options, SCALE) == found[SCALE],
            on_click=_use,
            args=(draft.recipe.method, found[SCALE]),
        )


def _request(zoo: ZooFacts, recipe: Recipe, choice: Choice) -> dict[str, Any]:
    """What is asked of the lab; validation images are as many as accuracies are measured on."""
    limit = limited(merge_state.held_limit(zoo)) if choice.labels else {}
    return {"zoo": zoo.name, "recipe": recipe.to_dict()} | limit | choice_request(choice)


def has_scale(draft: Draft) -> bool:
    """Whether the method gives one model with a scale to choose."""
    return draft.method.output == "single" and hasattr(draft.options, SCALE)


def without_scale(recipe: Recipe) -> Recipe:
    """The recipe at its method's usual scale: moving the slider asks for nothing new."""
    return tidy(recipe.replace(options={name: value for name, value in recipe.options.items() if name != SCALE}))


def _use(method: str, scale: float) -> None:
    state.put(widget_key(merge_state.form_key(method), SCALE), scale)


def has_thresholds(draft: Draft) -> bool:
    """Whether the method gives each task a model under a threshold of its own."""
    return draft.method.output == "per_task" and all(hasattr(draft.options, name) for name in THRESHOLD_FIELDS)


def threshold_section(zoo: ZooFacts, draft: Draft) -> None:
    """A switch; when it is on, what each threshold reaches on each task's validation images."""
    wanted = st.toggle(
        "Find λ of each task",
        key=merge_state.TUNE,
        bind=state.BIND,
        help="Merges once for each of 0.2, 0.3, 0.4, 0.5 and 0.6, and takes for each task the one with which its own "
        "model does best, the smallest of equal ones. Test images play no part.",
    )
    if not wanted or draft.recipe is None:
        return
    usual = tidy(
        draft.recipe.replace(options={k: v for k, v in draft.recipe.options.items() if k not in THRESHOLD_FIELDS})
    )
    params = _request(zoo, usual, choice_controls(zoo))
    result = jobs.job_result("merge_thresholds", "tune", params, label="Trying thresholds", reserve=250)
    if result.payload is None or "thresholds" not in result.payload.meta:
        return
    found = result.payload.meta
    theme.show(threshold_curves(found), key="mg_threshold_curves", alt=threshold_sentence(found), stale=result.stale)
    st.caption(plain(threshold_sentence(found)))
    if not result.stale:
        values = tuple(found["thresholds"].values())
        st.button(
            "Use these λ",
            key="mg_use_thresholds",
            icon=":material/check:",
            width="stretch",
            disabled=tuple(getattr(draft.options, "thresholds", None) or ()) == values,
            on_click=_use_thresholds,
            args=(draft.method.name, values),
        )


def _use_thresholds(method: str, values: tuple[float, ...]) -> None:
    text = ",".join(f"{value:g}" for value in values)
    state.put(widget_key(merge_state.form_key(method), "thresholds"), text)
