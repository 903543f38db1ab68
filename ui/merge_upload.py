"""Recipes from a file of the user's: one recipe or a run, YAML or JSON, read as data and checked like a link."""

import json

import streamlit as st

from mloss_core.errors import MLossCoreError
from mloss_core.merging.run_files import parse_recipes
from mloss_core.structured import is_yaml
from ui import merge_state
from ui.cached import ZooFacts
from ui.merge_entries import Entry, entries_from_text

_KEY, _PROBLEM = "mg_upload", "_mg_upload_problem"


def upload(zoo: ZooFacts) -> None:
    """A place to drop a recipe file; its recipes join the comparison."""
    st.file_uploader(
        "Recipes from a file", type=["yaml", "yml", "json"], key=_KEY, max_upload_size=1, on_change=_take, args=(zoo,),
        help="A recipe as the page downloads it, or a run file with several; its zoo and split are not taken over.",
    )  # fmt: skip


def upload_problem() -> None:
    """What of the last file could not be used, until the next one: the page draws itself anew while jobs run."""
    problem = st.session_state.get(_PROBLEM)
    if problem:
        st.warning(problem, icon=":material/upload_file:")


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
