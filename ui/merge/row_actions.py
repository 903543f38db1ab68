"""What can be done with the selected rows of the comparison."""

from collections.abc import Callable, Sequence
from pathlib import Path

import streamlit as st

from mloss_core.evaluation.controls import is_guided, missing_controls
from mloss_core.evaluation.rows import EvaluationRow
from mloss_core.merging.labels import command
from mloss_core.merging.methods import METHODS, spelt_out
from mloss_core.recipe import Recipe
from ui import jobs
from ui.formats import plain, short_digest, size
from ui.merge import state as merge_state
from ui.merge.entries import MAX_NAME, Entry, row_key
from ui.processors import editable, open_processors
from ui.what_if.links import can_move, open_what_if
from ui.zoo.facts import ZooFacts

HINT = "Select rows to chart them; select one merge to rename it, repeat it from the command line or download it."


def row_actions(
    zoo: ZooFacts,
    rows: Sequence[EvaluationRow],
    entries: Sequence[Entry],
    keys: Sequence[str],
    inspect: Callable[[EvaluationRow], None],
) -> None:
    """The actions that fit the selection: none, one row, or several.

    Args:
        inspect: opens a row's images.
    """
    chosen = [row for row in rows if row.key in keys]
    recipes = [entry for entry in entries if row_key(entry.recipe) in keys]
    if not chosen:
        st.caption(HINT)
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        if len(chosen) == 1:
            _baseline_button(chosen[0])
            _inspect_button(chosen[0], inspect)
        if len(chosen) == 1 and recipes:
            _one_recipe(zoo, recipes[0], entries)
        if recipes:
            st.button(
                "Remove" if len(recipes) == 1 else f"Remove {len(recipes)} recipes",
                key="mg_remove",
                icon=":material/delete:",
                on_click=merge_state.drop,
                args=([entry.key for entry in recipes],),
            )
    if len(chosen) == 1 and recipes:
        _file(zoo, recipes[0])


def _baseline_button(row: EvaluationRow) -> None:
    st.button(
        "Use as baseline",
        key="mg_use_baseline",
        icon=":material/adjust:",
        on_click=merge_state.use_as_baseline,
        args=(row.key,),
        disabled=not row.done,
        help="Show differences to this row.",
    )


def _inspect_button(row: EvaluationRow, inspect: Callable[[EvaluationRow], None]) -> None:
    st.button(
        "Inspect",
        key="mg_inspect",
        icon=":material/image_search:",
        on_click=inspect,
        args=(row,),
        help="The images behind the figures, first of the task on which this row comes off worst against the baseline. "
        "A click on a figure of the table opens its own task.",
    )


def _one_recipe(zoo: ZooFacts, entry: Entry, entries: Sequence[Entry]) -> None:
    recipe = entry.recipe
    if is_guided(recipe):
        missing = missing_controls(recipe, [other.recipe for other in entries])
        st.button(
            "Add controls" if missing else "Controls are there",
            key="mg_controls",
            icon=":material/science:",
            disabled=not missing,
            on_click=merge_state.add,
            args=(missing,),
            help="Adds what the M-Loss ranks must beat: e = 0, reversed ranks, random ranks, and the same "
            "budget without ranks.",
        )
    known = editable(recipe)
    st.button(
        "Edit as new",
        key="mg_edit",
        icon=":material/edit:",
        on_click=_open,
        args=(recipe,),
        disabled=not known,
        help="Opens this recipe in the builder."
        if known
        else "The builder holds each processor once, in a fixed order: edit this recipe as a command.",
    )
    movable = can_move(recipe)
    st.button(
        "What if",
        key="mg_what_if",
        icon=":material/tune:",
        on_click=open_what_if,
        args=(recipe,),
        disabled=not movable,
        help="Moves k, e, blocks and scale of this recipe and shows at once what changes."
        if movable
        else "What-if moves recipes of one model, each processor once, with M-Loss measured by a preset.",
    )
    with st.popover("Rename", icon=":material/label:"):
        widget = f"mg_name_{row_key(recipe)}"
        st.text_input(
            "Name of the row",
            value=entry.name or "",
            key=widget,
            max_chars=MAX_NAME,
            placeholder=entry.label,
            on_change=merge_state.rename_from,
            args=(entry.key, widget),
            help="Empty gives the recipe's own label back.",
        )
    with st.popover("Command", icon=":material/terminal:"):
        st.caption("Repeats this merge and its evaluation from the command line.")
        st.code(command(recipe, zoo.name), language="bash", wrap_lines=True)
    with st.popover("Download", icon=":material/download:"):
        st.download_button(
            "Recipe (JSON)",
            spelt_out(recipe).to_json(),
            f"{file_stem(entry)}.json",
            "application/json",
            key="mg_get_recipe",
            on_click="ignore",
            icon=":material/description:",
            width="stretch",
        )
        st.button(
            "Merged weights (safetensors)",
            key="mg_get_weights",
            icon=":material/database:",
            width="stretch",
            on_click=merge_state.request_file,
            args=(entry.key,),
            disabled=merge_state.requested_file(entry.key) or METHODS[recipe.method].output != "single",
            help="Merges once more and writes the weights to a file, which can then be downloaded.",
        )


def _open(recipe: Recipe) -> None:
    merge_state.open_in_builder(recipe, METHODS[recipe.method].options_type)
    open_processors(merge_state.PAGE, recipe)


def _file(zoo: ZooFacts, entry: Entry) -> None:
    if not merge_state.requested_file(entry.key):
        return
    params = {"zoo": zoo.name, "recipe": entry.recipe.to_dict()}
    payload = jobs.job_payload("merged_file", params, label="Writing the merged weights")
    if payload is None:
        return
    path = Path(payload.meta["path"])
    if not path.is_file():
        st.warning("The file has left the cache since it was written. Press Try again.", icon=":material/warning:")
        st.button("Try again", key="mg_file_again", on_click=jobs.forget, args=("merged_file", params))
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.download_button(
            f"Save {size(payload.meta['bytes'])}",
            path.read_bytes,
            f"{file_stem(entry)}.safetensors",
            "application/octet-stream",
            key="mg_save_weights",
            on_click="ignore",
            icon=":material/save:",
        )
        st.caption(f"Merged weights of {plain(entry.label)}, SHA-256 {short_digest(payload.meta['digest'], 16)}…")


def file_stem(entry: Entry) -> str:
    """A file name for a recipe: its label in plain letters."""
    words = entry.label.lower().replace("λ", "scale")
    kept = "".join(letter if letter.isascii() and (letter.isalnum() or letter == ".") else "-" for letter in words)
    parts = (part.strip(".") for part in kept.split("-"))
    return "-".join(part for part in parts if part) or entry.recipe.method
