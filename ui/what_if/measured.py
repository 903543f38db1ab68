"""Long measurements of the page: asked for by a button, kept in view while the recipe moves on, and in the link."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import streamlit as st

from mloss_core.recipe import Recipe
from ui import jobs, state
from ui.what_if import state as here
from ui.what_if.judging import known_criterion, view_splits
from ui.zoo.facts import ZooFacts

KIND = "whatif"
IMAGES = {"64": 64, "200": 200, "All": None}
"""Images of each task that surfaces and the like are measured on."""


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


def view_criterion(zoo: ZooFacts) -> str:
    """What surfaces and the like show: as chosen beside the surface, if the zoo has all for it."""
    return known_criterion(zoo, st.session_state.get(here.CRITERION))


def request(zoo: ZooFacts, view: str, recipe: Recipe | None, **more: Any) -> dict[str, Any]:
    """The parameters of a view's job; what is None is left out.

    Images are validation images, or training images without labels where some task has no others.
    """
    criterion = view_criterion(zoo)
    limit = IMAGES.get(st.session_state.get(state.key(here.PAGE, "few"), "64"), 64)
    tasks = None if recipe is None or recipe.tasks is None else list(zoo.tasks)
    given = {"recipe": None if recipe is None else recipe.to_dict(), "tasks": tasks, "limit": limit, **more}
    about = {"zoo": zoo.name, "view": view, "criterion": criterion, "split": view_splits(zoo, criterion)[0]}
    return about | {name: value for name, value in given.items() if value is not None}


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
