"""What goes before and after the method of the recipe under construction: chosen by name, each with its own form."""

from collections.abc import Mapping

import streamlit as st

from mloss_core.merging.methods import METHODS
from mloss_core.merging.processors import AFTER, BEFORE, POST, PRE, Processor, read_processor, write_processor
from mloss_core.recipe import Recipe
from ui import state
from ui.merge import state as merge_state
from ui.options_form import fill_form, options_form, widget_key

_PLACES = {
    BEFORE: ("pre", "Before the method", PRE, "Thins each model's task vector before the method sees it."),
    AFTER: ("post", "After the method", POST, "Changes the merged update before it is scaled."),
}
Entries = tuple[str, ...]


def processor_choice(method: str) -> tuple[Entries, Entries]:
    """Draw the choice and the chosen ones' forms; returns the entries of `Recipe.pre` and `Recipe.post`."""
    return _choice(BEFORE), _choice(AFTER) if METHODS[method].output == "single" else ()


def open_processors(recipe: Recipe) -> None:
    """Set the choice and the forms to a recipe's. Call it from a callback only."""
    for kind, entries in ((BEFORE, recipe.pre), (AFTER, recipe.post)):
        name, _, known, _ = _PLACES[kind]
        found = [read_processor(kind, text) for text in entries]
        state.put(_key(name), [processor.name for processor, _ in found])
        for processor, options in found:
            fill_form(known[processor.name].options_type, _form(name, processor), vars(options))


def editable(recipe: Recipe) -> bool:
    """Whether the builder can hold the recipe's processors: each once, in the order of the list."""
    for kind, entries in ((BEFORE, recipe.pre), (AFTER, recipe.post)):
        names = [read_processor(kind, text)[0].name for text in entries]
        if names != [name for name in _PLACES[kind][2] if name in names]:
            return False
    return True


def _choice(kind: str) -> Entries:
    name, label, known, words = _PLACES[kind]
    chosen = st.pills(
        label,
        list(known),
        selection_mode="multi",
        key=_key(name),
        bind=state.BIND,
        format_func=lambda one: known[one].title if one in known else one,
        help=f"{words} {_summaries(known)}",
    )
    entries = []
    for processor in (known[one] for one in known if one in (chosen or ())):
        with st.container(border=True, gap="small"):
            st.caption(f"{processor.title}: {processor.summary}")
            values = options_form(processor.options_type, _form(name, processor), columns=2, more=st.container())
        entries.append(write_processor(processor, values))
    return tuple(entries)


def _summaries(known: Mapping[str, Processor]) -> str:
    return " ".join(f"{processor.title}: {processor.summary}" for processor in known.values())


def _key(name: str) -> str:
    return state.key(merge_state.PAGE, name)


def _form(name: str, processor: Processor) -> str:
    return widget_key(_key(name), processor.name)
