"""Settings of the reference projects: a choice that fills the builder, and a sentence on what differs."""

import streamlit as st

from mloss_core.errors import MLossCoreError
from mloss_core.merging.methods import METHODS
from mloss_core.merging.presets import PRESETS
from mloss_core.recipe import Recipe
from ui import merge_state
from ui.merge_entries import tidy
from ui.merge_processors import open_processors

PRESET = "mg_project_preset"


def preset_choice() -> None:
    """The choice; taking one sets the method, its options and its blocks."""
    st.selectbox(
        "Preset", list(PRESETS), index=None, key=PRESET, placeholder="A reference project's setting",
        format_func=preset_label, on_change=_load,
        help="Sets method, options and blocks as a reference project has them. Type to search.",
    )  # fmt: skip


def leave_preset() -> None:
    """Another method is another merge: no preset is chosen any more. A callback."""
    st.session_state[PRESET] = None


def preset_label(name: str) -> str:
    """The method as people call it, with the preset's name: `TIES · ties@adamerging`."""
    return f"{METHODS[PRESETS[name].recipe.method].title} · {name}"


def preset_note(recipe: Recipe | None) -> None:
    """What the chosen preset is, and whether the builder still holds it."""
    name = st.session_state.get(PRESET)
    if name not in PRESETS:
        return
    preset = PRESETS[name]
    words = f"[{preset.project}]({preset.url}): {preset.note}"
    if preset.tuned:
        words += " The project chooses the scale on validation images."
    if recipe is None or not same_merge(preset.recipe, recipe):
        words += " The builder no longer holds exactly this."
    st.caption(words)


def same_merge(preset: Recipe, recipe: Recipe) -> bool:
    """Whether a recipe is the preset's, whatever models it merges and whatever seed it has."""
    plain = {"tasks": None, "seed": 0}
    try:
        return tidy(preset.replace(**plain)) == tidy(recipe.replace(**plain))
    except MLossCoreError:
        return False


def _load() -> None:
    name = st.session_state.get(PRESET)
    if name in PRESETS:
        recipe = PRESETS[name].recipe
        merge_state.open_in_builder(recipe, METHODS[recipe.method].options_type)
        open_processors(recipe)
