"""Long measurements of the page: asked for by a button, kept in view while the recipe moves on, and in the link."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import streamlit as st

from mloss_core.recipe import Recipe
from ui import jobs, state
from ui.what_if import state as here

KIND = "whatif"
IMAGES = {"64": 64, "200": 200, "All": None}
"""Validation images of each task that surfaces and the like are measured on."""


@dataclasses.dataclass(frozen=True)
class Measured:
    """A finished measurement.

    Args:
        found: what the job gave.
        stale: it is of an earlier recipe.
        params: the request that it answers.
    """

    found: Mapping[str, Any]
    stale: bool
    params: Mapping[str, Any]

    @property
    def recipe(self) -> Recipe:
        """The recipe that was varied."""
        return Recipe.from_dict(self.found["recipe"])


def request(zoo: str, view: str, recipe: Recipe | None, tasks: Any = None, **more: Any) -> dict[str, Any]:
    """The parameters of a view's job on validation images; what is None is left out."""
    limit = IMAGES.get(st.session_state.get(state.key(here.PAGE, "few"), "64"), 64)
    given = {"recipe": None if recipe is None else recipe.to_dict(), "tasks": tasks, "limit": limit, **more}
    return {"zoo": zoo, "view": view, "split": "val"} | {k: v for k, v in given.items() if v is not None}


def measured(name: str, params: dict[str, Any], label: str, *, reserve: int, words: str) -> Measured | None:
    """The measurement of this place, asked for by a button that says what it would take.

    Args:
        name: of the place. params: of the present recipe. label: for the progress line.
        reserve: height that is held free while it is on its way. words: on the button.
    """
    known, pinned = jobs.known(KIND, params), here.pinned(name)
    if pinned is None and name in here.shown():
        here.pin(name, params)
        pinned = params
    if known is not None:
        if pinned is not None and pinned != params:
            here.pin(name, params)
        return Measured(known.meta, False, params)
    stale = pinned is not None and pinned != params
    if pinned is None or stale:
        st.button(
            "Measure for this recipe" if stale else words,
            key=f"wi_measure_{name}",
            icon=":material/play_arrow:",
            on_click=here.pin,
            args=(name, params),
            help="Runs as a job; the sliders stay live meanwhile.",
        )
    if pinned is None:
        return None
    result = jobs.job_result(f"wi_{name}", KIND, pinned, label=label, reserve=reserve)
    if result.payload is None:
        return None
    return Measured(result.payload.meta, stale or result.stale, result.params)
