"""What the What-if page remembers, here and in the URL."""

from collections.abc import Mapping
from typing import Any

import streamlit as st

from mloss_core.merging.methods import METHODS
from mloss_core.recipe import Recipe
from ui import state
from ui.guided_blocks import set_blocks
from ui.options_form import fill_form, widget_key
from ui.processors import open_processors
from ui.recipe_choices import set_choices

PAGE = "wi"
METHOD = state.key(PAGE, "method")
CUSTOM_BLOCKS = state.key(PAGE, "custom")
SEED = state.key(PAGE, "seed")
JUDGE = state.key(PAGE, "judge")
SOURCE = state.key(PAGE, "source")
SPLIT = state.key(PAGE, "split")
CRITERION = state.key(PAGE, "criterion")
IMAGES = state.key(PAGE, "images")
VIEW = state.key(PAGE, "view")
SHOWN = state.key(PAGE, "shown")
PAIR = state.key(PAGE, "pair")
_PINNED, _LIVE = "_wi_pinned", "_wi_live"
_MOST_SHOWN = 8


def form_key(method: str) -> str:
    """The prefix of the widgets of a method's form."""
    return state.key(PAGE, method)


def jump(recipe: Recipe, values: Mapping[str, Any]) -> None:
    """Move options of the recipe's method, or the seed, to these values. A callback."""
    for name, value in values.items():
        state.put(SEED if name == "seed" else widget_key(form_key(recipe.method), name), value)


def jump_to_blocks(blocks: tuple[int, ...]) -> None:
    """Let M-Loss keep rates apply in these blocks alone. A callback."""
    set_blocks(PAGE, blocks)


def open_recipe(recipe: Recipe) -> None:
    """Set all controls to a recipe. A callback, or before the page is drawn."""
    state.put(METHOD, recipe.method)
    fill_form(METHODS[recipe.method].options_type, form_key(recipe.method), recipe.options)
    set_blocks(PAGE, recipe.blocks)
    set_choices(PAGE, recipe)
    open_processors(PAGE, recipe)


def shown() -> tuple[str, ...]:
    """Names of the views that were measured: of this session, else of the link."""
    if SHOWN not in st.session_state:
        words = st.query_params.get(SHOWN, "")[:100].split(",")
        st.session_state[SHOWN] = tuple(word for word in words if word)[:_MOST_SHOWN]
    return st.session_state[SHOWN]


def pin(name: str, params: Mapping[str, Any]) -> None:
    """Measure a view for these parameters and keep showing it until it is measured again. A callback."""
    st.session_state.setdefault(_PINNED, {})[name] = dict(params)
    if name not in shown():
        st.session_state[SHOWN] = (*shown(), name)


def pinned(name: str) -> dict[str, Any] | None:
    """What a view was last measured for."""
    return st.session_state.get(_PINNED, {}).get(name)


def mirror_shown() -> None:
    """Write the measured views to the URL."""
    state.write(SHOWN, ",".join(shown()) or None)


def live() -> dict[str, Any]:
    """What the live part of this session holds between two runs: request, newest state, the one before it."""
    return st.session_state.setdefault(_LIVE, {})
