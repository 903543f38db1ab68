"""What a recipe has beside its method, options and blocks: models, how M-Loss is measured, and a seed.

For pages that build recipes. A page's choices, `<page>_models`, `<page>_preset` and `<page>_seed`, are in the address.
"""

import streamlit as st

from mloss_core.recipe import MLossOptions, Recipe
from ui import state
from ui.formats import plain
from ui.zoo.facts import ZooFacts

PRESETS = {"paper": "Paper", "reference": "Code"}
"""How M-Loss may be measured, by the words of the choice."""
DEFAULT_PRESET = "paper"


def models_choice(page: str, zoo: ZooFacts, judged: str) -> tuple[str, ...]:
    """Draw the choice of models; those that are merged, in the zoo's order.

    Args:
        page: prefix of the page's widgets.
        zoo: whose models.
        judged: how the help ends: on which tasks the merge is judged.
    """
    key = state.key(page, "models")
    if key in st.session_state and st.session_state[key] is None:
        state.put(key, list(zoo.tasks))
    state.prune(key, zoo.tasks)
    chosen = st.pills(
        "Models",
        zoo.tasks,
        selection_mode="multi",
        default=zoo.tasks,
        format_func=plain,
        key=key,
        bind=state.BIND,
        wrap=True,
        help=f"The fine-tuned models to merge. {judged}",
    )
    return tuple(task for task in zoo.tasks if task in set(chosen or ()))


def mloss_choice(page: str, guided: bool) -> MLossOptions:
    """Draw how M-Loss is measured, where it guides."""
    if not guided:
        return MLossOptions()
    preset = st.segmented_control(
        "M-Loss preset",
        list(PRESETS),
        default=DEFAULT_PRESET,
        required=True,
        key=state.key(page, "preset"),
        bind=state.BIND,
        format_func=lambda word: PRESETS.get(word, word),
        help="How the guiding M-Loss is measured: as the paper says, or as its published code does.",
    )
    return MLossOptions.preset(preset if preset in PRESETS else DEFAULT_PRESET)


def seed_choice(page: str, wanted: bool) -> int:
    """Draw the choice of a seed, where it changes the result."""
    if not wanted:
        return 0
    seed = st.number_input(
        "Seed",
        0,
        2**31 - 1,
        0,
        key=state.key(page, "seed"),
        bind=state.BIND,
        help="Keys the random choices; another seed shows how much they matter.",
    )
    return int(seed or 0)


def preset_of(mloss: MLossOptions) -> str | None:
    """Which preset measures M-Loss so; None where none does."""
    return next((word for word in PRESETS if mloss == MLossOptions.preset(word)), None)


def set_choices(page: str, recipe: Recipe) -> None:
    """Set a page's choices to a recipe's. A callback, or before the page is drawn."""
    # Without a list the recipe is of all models, whichever were chosen before: `models_choice` knows them.
    state.put(state.key(page, "models"), None if recipe.tasks is None else list(recipe.tasks))
    state.put(state.key(page, "seed"), recipe.seed)
    state.put(state.key(page, "preset"), preset_of(recipe.mloss) or DEFAULT_PRESET)
