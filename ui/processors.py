"""What goes before and after the method of a recipe that a page holds: chosen by name, each with its own form."""

from collections.abc import Mapping

import streamlit as st

from mloss_core.merging.methods import METHODS
from mloss_core.merging.processors import AFTER, BEFORE, POST, PRE, Processor, read_processor, write_processor
from mloss_core.recipe import Recipe
from ui import state
from ui.options_form import fill_form, options_form, widget_key

_PLACES = {
    BEFORE: ("pre", "Before the method", PRE, "Thins each model's task vector before the method sees it."),
    AFTER: ("post", "After the method", POST, "Changes the merged update before it is scaled."),
}
Entries = tuple[str, ...]


def processor_choice(page: str, method: str, *, columns: int = 2) -> tuple[Entries, Entries]:
    """Draw the choice and the chosen ones' forms; returns the entries of `Recipe.pre` and `Recipe.post`.

    Args:
        page: prefix of the page's widgets.
        method: what they stand before and after; one that gives a model a task has nothing after it.
        columns: options side by side.
    """
    after = METHODS[method].output == "single"
    return _choice(page, BEFORE, columns), _choice(page, AFTER, columns) if after else ()


def open_processors(page: str, recipe: Recipe) -> None:
    """Set a page's choice and forms to a recipe's. A callback, or before the page is drawn."""
    for kind, entries in ((BEFORE, recipe.pre), (AFTER, recipe.post)):
        name, _, known, _ = _PLACES[kind]
        found = [read_processor(kind, text) for text in entries]
        state.put(state.key(page, name), [processor.name for processor, _ in found])
        for processor, options in found:
            fill_form(known[processor.name].options_type, _form(page, name, processor), vars(options))


def editable(recipe: Recipe) -> bool:
    """Whether a page can hold the recipe's processors: each once, in the order of the list."""
    for kind, entries in ((BEFORE, recipe.pre), (AFTER, recipe.post)):
        names = [read_processor(kind, text)[0].name for text in entries]
        if names != [name for name in _PLACES[kind][2] if name in names]:
            return False
    return True


def _choice(page: str, kind: str, columns: int) -> Entries:
    name, label, known, words = _PLACES[kind]
    chosen = st.pills(
        label,
        list(known),
        selection_mode="multi",
        key=state.key(page, name),
        bind=state.BIND,
        format_func=lambda one: known[one].title if one in known else one,
        help=f"{words} {_summaries(known)}",
    )
    entries = []
    for processor in (known[one] for one in known if one in (chosen or ())):
        with st.container(border=True, gap="small"):
            st.caption(f"{processor.title}: {processor.summary}")
            form = _form(page, name, processor)
            values = options_form(processor.options_type, form, columns=columns, more=st.container())
        entries.append(write_processor(processor, values))
    return tuple(entries)


def _summaries(known: Mapping[str, Processor]) -> str:
    return " ".join(f"{processor.title}: {processor.summary}" for processor in known.values())


def _form(page: str, name: str, processor: Processor) -> str:
    return widget_key(state.key(page, name), processor.name)
