"""Settings of the reference projects: a choice that fills the builder, and a sentence on what differs."""

import json

import streamlit as st

from mloss_core.errors import MLossCoreError
from mloss_core.merging.methods import METHODS, tidy
from mloss_core.merging.presets import PRESETS
from mloss_core.merging.run_files import parse_recipes
from mloss_core.parsing import is_yaml
from mloss_core.recipe import Recipe
from ui import state
from ui.formats import plain
from ui.merge import state as merge_state
from ui.merge.entries import Entry, entries_from_text
from ui.processors import open_processors
from ui.zoo.facts import ZooFacts

_KEY, _PROBLEM = "mg_upload", "_mg_upload_problem"

PRESET = "mg_project_preset"


def preset_choice() -> None:
    """The choice; taking one sets the method, its options and its blocks."""
    st.selectbox(
        "Preset",
        list(PRESETS),
        index=None,
        key=PRESET,
        placeholder="A reference project's setting",
        format_func=preset_label,
        on_change=_load,
        help="Sets method, options and blocks as a reference project has them. Type to search.",
    )


def leave_preset() -> None:
    """Another method is another merge: no preset is chosen any more. A callback."""
    state.put(PRESET, None)


def preset_label(name: str) -> str:
    """The method as people call it, with the preset's name: `TIES · ties@adamerging`."""
    return f"{METHODS[PRESETS[name].recipe.method].title} · {name}"


def preset_note(recipe: Recipe | None) -> None:
    """What the chosen preset is, and whether the builder still holds it."""
    name = str(st.session_state.get(PRESET))
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
    name = str(st.session_state.get(PRESET))
    if name in PRESETS:
        recipe = PRESETS[name].recipe
        merge_state.open_in_builder(recipe, METHODS[recipe.method].options_type)
        open_processors(merge_state.PAGE, recipe)


def upload(zoo: ZooFacts) -> None:
    """A place to drop a recipe file; its recipes join the comparison."""
    st.file_uploader(
        "Recipes from a file",
        type=["yaml", "yml", "json"],
        key=_KEY,
        max_upload_size=1,
        on_change=_take,
        args=(zoo,),
        help="A recipe as the page downloads it, or a run file with several; its zoo and split are not taken over.",
    )


def upload_problem() -> None:
    """What of the last file could not be used, until the next one: the page draws itself anew while jobs run."""
    problem = st.session_state.get(_PROBLEM)
    if problem:
        st.warning(plain(problem), icon=":material/upload_file:")


def uploaded_entries(name: str, content: bytes, zoo: ZooFacts) -> tuple[tuple[Entry, ...], str]:
    """The recipes of a file, and one sentence on what of it could not be used (empty when all could).

    Args:
        name: of the file; its ending tells YAML from JSON.
        content: never trusted: each recipe passes the closed schema and the checks of method and zoo.
        zoo: whose tasks and blocks the recipes may name.
    """
    try:
        recipes = parse_recipes(content.decode("utf-8"), yaml=is_yaml(name))
    except UnicodeDecodeError:
        return (), f"{name} is no text."
    except MLossCoreError as error:
        return (), f"{name}: {error}"
    entries, problem = entries_from_text(json.dumps([recipe.to_dict() for recipe in recipes]), zoo.tasks, zoo.layers)
    return entries, problem.replace("Part of the link was", f"Part of {name} was").replace("The link's", "The file's")


def _take(zoo: ZooFacts) -> None:
    file = st.session_state.get(_KEY)
    st.session_state[_PROBLEM] = ""
    if file is not None:
        entries, st.session_state[_PROBLEM] = uploaded_entries(file.name, file.getvalue(), zoo)
        merge_state.add([entry.recipe for entry in entries])
