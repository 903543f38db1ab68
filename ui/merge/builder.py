"""The left column of the Merge page: choose a method, its options and blocks, see the keep rates, add the recipe."""

from collections.abc import Sequence

import streamlit as st

from mloss_core.merging.methods import METHODS, methods_by_family, uses_seed
from mloss_core.wording import upper_first
from ui import state, theme
from ui.formats import plain
from ui.guided_blocks import Scores, block_choice, node_scores
from ui.merge import state as merge_state
from ui.merge.draft import Draft, block_means, is_guided, make_draft
from ui.merge.entries import Entry
from ui.merge.keep import KeepProfile, budget_sentence, keep_bars, keep_profile
from ui.merge.method_card import card
from ui.merge.presets import leave_preset, preset_choice, preset_note, upload, upload_problem
from ui.merge.tuning import tuning_section
from ui.options_form import options_form
from ui.processors import processor_choice
from ui.recipe_choices import mloss_choice, models_choice, seed_choice
from ui.zoo.facts import ZooFacts

DEFAULT_METHOD = "m_ties"


def builder(zoo: ZooFacts, entries: Sequence[Entry]) -> tuple[Draft, KeepProfile | None]:
    """Draw the builder; returns the recipe under construction and the keep rates that it would give.

    Args:
        entries: what the comparison holds already.
    """
    for problem in METHODS.problems:
        st.error(f"{plain(upper_first(problem))} The other methods work.", icon=":material/extension_off:")
    upload_problem()
    preset_choice()
    name = _method_choice()
    about = st.container()
    form, blocks_slot, button, preview, tuning = (st.container() for _ in range(5))
    more = st.expander(_more_label(zoo), icon=":material/tune:")
    with form:
        values = options_form(METHODS[name].options_type, merge_state.form_key(name), columns=2, more=more)
    with more:
        tasks = models_choice(merge_state.PAGE, zoo, "Accuracy is measured on all tasks of the zoo all the same.")
        pre, post = processor_choice(merge_state.PAGE, name)
        guided = is_guided(METHODS[name], pre)
        mloss = mloss_choice(merge_state.PAGE, guided)
        seed = seed_choice(merge_state.PAGE, uses_seed(METHODS[name], values, pre))
        upload(zoo)
    scores = None
    if guided:
        with preview:
            scores = node_scores(zoo, tasks, mloss)
        with blocks_slot:
            blocks = block_choice(
                merge_state.PAGE,
                zoo,
                None if scores is None else block_means(scores),
                help="Where the keep rate follows M-Loss. The other blocks keep k in every row. The numbered sets are "
                "the papers'.",
                pills=True,
            )
    else:
        blocks = None
    draft = make_draft(
        name, values, blocks=blocks, tasks=tasks, zoo_tasks=zoo.tasks, mloss=mloss, seed=seed, pre=pre, post=post
    )
    with about:
        preset_note(draft.recipe)
        card(zoo, METHODS[name], draft.recipe)
    profile = _profile(draft, scores, seed)
    with preview:
        _preview(draft, profile)
    with button:
        _add_button(draft, entries)
    with tuning:
        tuning_section(zoo, draft)
    return draft, profile


def _method_choice() -> str:
    names = [method.name for group in methods_by_family().values() for method in group]
    name = st.selectbox(
        "Method",
        names,
        index=names.index(DEFAULT_METHOD),
        key=merge_state.METHOD,
        bind=state.BIND,
        format_func=lambda name: f"{METHODS[name].family} · {METHODS[name].title}",
        on_change=leave_preset,
        help="How the fine-tuned models become one. Families group methods that work alike.",
    )
    name = name if name in METHODS else DEFAULT_METHOD
    paper = f" [Paper]({METHODS[name].paper_url})" if METHODS[name].paper_url else ""
    st.caption(f"{METHODS[name].summary}{paper}")
    return name


def _more_label(zoo: ZooFacts) -> str:
    held = merge_state.held(merge_state.MODELS)
    return f"Models ({len(zoo.tasks if held is None else held)} of {len(zoo.tasks)}), processors, more"


def _profile(draft: Draft, scores: Scores | None, seed: int) -> KeepProfile | None:
    if scores is None or draft.guide is None or draft.blocks == ():
        return None
    return keep_profile(scores, draft.guide, draft.blocks, seed)


def _preview(draft: Draft, profile: KeepProfile | None) -> None:
    if profile is not None:
        theme.show(keep_bars(profile), key="mg_keep_bars", alt=budget_sentence(profile))
        st.caption(budget_sentence(profile))
    elif not draft.guided:
        st.caption(f"{draft.method.title} works without M-Loss: there are no row-wise keep rates to show.")


def _add_button(draft: Draft, entries: Sequence[Entry]) -> None:
    there = draft.recipe is not None and draft.recipe.digest in {entry.key for entry in entries}
    st.button(
        "Already in the comparison" if there else "Add to comparison",
        key="mg_add",
        type="primary",
        icon=":material/check:" if there else ":material/add:",
        width="stretch",
        disabled=there or draft.recipe is None,
        on_click=merge_state.add,
        args=([draft.recipe] if draft.recipe else [],),
        help="Merges the models, evaluates the result and adds a row. Several can run; they queue up.",
    )
    if draft.problem:
        st.caption(f":material/info: {plain(draft.problem)}")
