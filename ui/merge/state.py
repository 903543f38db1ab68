"""What the Merge page remembers, here and in the URL: recipes, selected rows, requested files."""

from collections.abc import Sequence
from typing import Any

import streamlit as st

from mloss_core.errors import MLossCoreError
from mloss_core.recipe import Recipe
from ui import state
from ui.guided_blocks import set_blocks
from ui.merge.entries import MAX_TEXT, Entry, add_entries, entries_from_text, entries_to_text, remove, rename
from ui.merge.results import starting_entries
from ui.options_form import fill_form
from ui.recipe_choices import set_choices
from ui.zoo.facts import ZooFacts

PAGE = "mg"
METHOD = state.key(PAGE, "method")
MODELS = state.key(PAGE, "models")
SPLIT = state.key(PAGE, "split")
LIMIT = state.key(PAGE, "limit")
BASELINE = state.key(PAGE, "baseline")
TAB = state.key(PAGE, "tab")
TUNE = state.key(PAGE, "tune")
TUNE_BY = state.key(PAGE, "tune_by")
TUNE_IMAGES = state.key(PAGE, "tune_images")
TUNE_SOURCE = state.key(PAGE, "tune_source")
LIMITS = {"100": 100, "500": 500, "2000": 2000, "All": None}
"""Images of each task that accuracies may be measured on, by the words of the choice."""
_USUAL_LIMIT = "500"
RECIPES = state.key(PAGE, "recipes")
ROWS = state.key(PAGE, "rows")
_ENTRIES, _NOTE, _SELECTED, _FILES = "_mg_entries", "_mg_note", "_mg_selected", "_mg_files"


def form_key(method: str) -> str:
    """The prefix of the widgets of a method's form."""
    return state.key(PAGE, method)


def entries(zoo: ZooFacts) -> tuple[Entry, ...]:
    """The recipes of the comparison: of this session, else of the link, else a first visit's."""
    if _ENTRIES not in st.session_state:
        text = st.query_params.get(RECIPES)
        found, problem = (
            (starting_entries(zoo.card), "") if text is None else entries_from_text(text, zoo.tasks, zoo.layers)
        )
        st.session_state[_ENTRIES] = found
        st.session_state[_NOTE] = problem
    return st.session_state[_ENTRIES]


def mirror(zoo: ZooFacts) -> None:
    """Write the recipes to the URL, unless they are a first visit's; one that is too long stays out of it."""
    held: tuple[Entry, ...] = st.session_state.get(_ENTRIES, ())
    text = entries_to_text(held)
    usual = held == starting_entries(zoo.card)
    state.write(RECIPES, None if usual or len(text) > MAX_TEXT else text)
    if len(text) > MAX_TEXT:
        st.caption("The comparison is too long for a link: the address does not hold its recipes.")


def take_note() -> str:
    """What is to be told once about a link or an action, and forget it."""
    return st.session_state.pop(_NOTE, "")


def add(recipes: Sequence[Recipe]) -> None:
    """Put recipes into the comparison. A callback."""
    try:
        st.session_state[_ENTRIES] = add_entries(st.session_state.get(_ENTRIES, ()), recipes)
    except MLossCoreError as error:
        st.session_state[_NOTE] = str(error)


def drop(keys: Sequence[str]) -> None:
    """Take recipes, by digest, out of the comparison. A callback."""
    st.session_state[_ENTRIES] = remove(st.session_state.get(_ENTRIES, ()), keys)


def rename_from(key: str, widget: str) -> None:
    """Give a recipe the name typed into a widget. A callback."""
    st.session_state[_ENTRIES] = rename(st.session_state.get(_ENTRIES, ()), key, st.session_state.get(widget) or "")


def open_in_builder(recipe: Recipe, options_type: type) -> None:
    """Set the builder to a recipe. A callback."""
    state.put(METHOD, recipe.method)
    fill_form(options_type, form_key(recipe.method), recipe.options)
    set_blocks(PAGE, recipe.blocks)
    set_choices(PAGE, recipe)


def use_as_baseline(key: str) -> None:
    """Show differences to this row. A callback."""
    state.put(BASELINE, key)


def selected() -> tuple[str, ...]:
    """Keys of the selected rows: of this session, else of the link."""
    if _SELECTED not in st.session_state:
        text = st.query_params.get(ROWS, "")
        st.session_state[_SELECTED] = tuple(text[:400].split(",")) if text else ()
    return st.session_state[_SELECTED]


def select(keys: Sequence[str]) -> None:
    """Remember the selected rows, here and in the URL."""
    st.session_state[_SELECTED] = tuple(keys)
    state.write(ROWS, ",".join(keys) or None)


def request_file(key: str) -> None:
    """Ask for a recipe's merged weights as a file. A callback."""
    st.session_state[_FILES] = (*st.session_state.get(_FILES, ()), key)


def requested_file(key: str) -> bool:
    """Whether this session asked for the recipe's merged weights."""
    return key in st.session_state.get(_FILES, ())


def held_limit(zoo: ZooFacts) -> int | None:
    """Images of each task that accuracies are measured on, at most: all of a zoo with a model card."""
    word = st.session_state.get(LIMIT, _USUAL_LIMIT)
    return LIMITS.get(word, LIMITS[_USUAL_LIMIT]) if zoo.own else None


def held(name: str) -> Any:
    """The value of one of the page's widgets, or None before it is drawn."""
    return st.session_state.get(name)
