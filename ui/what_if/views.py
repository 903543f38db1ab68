"""Below the live part, one at a time: lambda path, layer ablation, plane of a pair, sample-size curve, seeds."""

from collections.abc import Callable

import streamlit as st

from mloss_core.evaluation.controls import is_guided
from mloss_core.merging.methods import uses_seed
from mloss_core.recipe import Recipe
from mloss_core.whatif.exports import points_csv
from ui import state, theme
from ui.formats import plain
from ui.what_if import state as here
from ui.what_if import view_figures as figures
from ui.what_if.axis_choice import axis_fields, axis_of, without
from ui.what_if.controls import Choices
from ui.what_if.measured import Measured, measured, request
from ui.what_if.plane import plane_view
from ui.zoo.facts import ZooFacts

PATH_STEPS = 11
TITLES = {"path": "Path", "layers": "Layers", "plane": "Plane of a pair", "samples": "Sample size", "seeds": "Seeds"}
_CHART = state.key(here.PAGE, "view_chart")


def views_part(zoo: ZooFacts, choices: Choices, needs: str) -> None:
    """The chooser and the chosen view."""
    if needs or choices.draft.recipe is None:
        return
    name = st.segmented_control(
        "Look further",
        list(TITLES),
        default="path",
        required=True,
        key=here.VIEW,
        bind=state.BIND,
        format_func=lambda name: TITLES.get(name, name),
        help="By the criterion beside the surface, as jobs. What was measured stays while the sliders move.",
    )
    name = name if name in TITLES else "path"
    if name == "plane":
        found = plane_view(zoo)
    else:
        found = _VIEWS[name](zoo, choices, choices.draft.recipe)
    if found is not None:
        st.download_button(
            "Points as CSV",
            points_csv(found.found),
            f"what_if_{name}.csv",
            "text/csv",
            key="wi_csv",
            on_click="ignore",
            icon=":material/download:",
        )


def _path(zoo: ZooFacts, choices: Choices, recipe: Recipe) -> Measured | None:
    method = choices.draft.method
    fields = {field.name: field for field in axis_fields(method) if field.kind != "choice"}
    if not fields:
        st.caption(f"{method.title} has no number to follow a path along.")
        return None
    usual = "scale" if "scale" in fields else next(iter(fields))
    name = st.selectbox(
        "Along",
        list(fields),
        index=list(fields).index(usual),
        key=state.key(here.PAGE, "along"),
        bind=state.BIND,
        format_func=lambda name: fields[name].label if name in fields else str(name),
        width=240,
    )
    name = name if name in fields else usual
    axis = axis_of(method, fields[name], recipe, PATH_STEPS)
    params = request(zoo, "path", without(recipe, (name,)), axes=[axis.to_dict()])
    found = measured("path", params, "Following the path", reserve=320, words=f"Follow {len(axis.values)} steps")
    if found is not None:
        _show(found, lambda: figures.path_figure(found.found, zoo.tasks), figures.path_words(found.found), _jump_along)
    return found


def _jump_along(found: Measured, place: int) -> None:
    here.jump(found.recipe, {found.found["axes"][0]["name"]: found.found["points"][place]["values"][0]})


def _layers(zoo: ZooFacts, choices: Choices, recipe: Recipe) -> Measured | None:
    guided = is_guided(recipe)
    base = recipe.replace(blocks=None) if guided else recipe
    params = request(zoo, "ablation", base)
    found = measured("layers", params, "Measuring block by block", reserve=320, words="Measure block by block")
    if found is not None:
        jump = _jump_to_blocks if found.found["of"] == "guide" else None
        _show(found, lambda: figures.ablation_figure(found.found), figures.ablation_words(found.found), jump)
    return found


def _jump_to_blocks(found: Measured, place: int) -> None:
    here.jump_to_blocks(tuple(found.found["points"][place]["blocks"]))


def _samples(zoo: ZooFacts, choices: Choices, recipe: Recipe) -> Measured | None:
    if not is_guided(recipe):
        st.caption(f"{choices.draft.method.title} measures no M-Loss: there is no number of images to choose.")
        return None
    params = request(zoo, "samples", recipe)
    found = measured("samples", params, "Measuring on more and more images", reserve=320, words="Measure the curve")
    if found is not None:
        _show(found, lambda: figures.samples_figure(found.found), figures.samples_words(found.found))
    return found


def _seeds(zoo: ZooFacts, choices: Choices, recipe: Recipe) -> Measured | None:
    options = choices.draft.options
    drawn = uses_seed(choices.draft.method, vars(options) if options is not None else {}, recipe.pre)
    if not drawn and not is_guided(recipe):
        st.caption(f"Nothing in {plain(choices.draft.method.title)} is drawn at random: it gives the same every time.")
        return None
    params = request(zoo, "seeds", recipe.replace(seed=0))
    found = measured("seeds", params, "Trying seeds", reserve=320, words="Try 8 seeds")
    if found is not None:
        _show(found, lambda: figures.seeds_figure(found.found), figures.seeds_words(found.found))
    return found


_VIEWS: dict[str, Callable[[ZooFacts, Choices, Recipe], Measured | None]] = {
    "path": _path,
    "layers": _layers,
    "samples": _samples,
    "seeds": _seeds,
}


def _show(found: Measured, draw: Callable, words: str, jump: Callable[[Measured, int], None] | None = None) -> None:
    """The chart of a view, with what it says below; a click jumps where there is somewhere to jump to."""

    def clicked() -> None:
        place = theme.selected_id(st.session_state.get(_CHART))
        if jump is not None and isinstance(place, int) and 0 <= place < len(found.found["points"]):
            jump(found, place)

    key = _CHART if jump is not None else f"{_CHART}_still"
    theme.show(draw(), key=key, alt=words, stale=found.stale, on_select=clicked if jump is not None else "ignore")
    st.caption(plain(words))
