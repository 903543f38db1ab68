"""The left column: method, its options, blocks, seed and images. Every choice is in the address."""

import dataclasses

import streamlit as st

from mloss_core.merging.methods import METHODS, methods_by_family, uses_seed
from ui import state
from ui.formats import plain
from ui.guided_blocks import Scores, block_choice, node_scores
from ui.merge.draft import Draft, block_means, is_guided, make_draft
from ui.options_form import options_form
from ui.processors import processor_choice
from ui.recipe_choices import mloss_choice, models_choice, seed_choice
from ui.what_if import state as here
from ui.what_if.judging import Judging, judging_choice
from ui.zoo.facts import ZooFacts

DEFAULT_METHOD = "m_ties"
LIMITS = {"100": 100, "500": 500, "2000": 2000, "All": None}
"""Images of each task that count as all on a folder of checkpoints."""


@dataclasses.dataclass(frozen=True)
class Choices:
    """What the controls hold.

    Args:
        draft: the recipe under the sliders.
        scores: node M-Loss by block, where M-Loss guides and is known.
        judging: what the recipe is judged by on which images; None where nothing can be judged.
        limit: images of each task at most.
    """

    draft: Draft
    scores: Scores | None
    judging: Judging | None
    limit: int | None


def controls(zoo: ZooFacts, judged: bool) -> Choices:
    """Draw the column; `judged` says whether the zoo has what it takes to judge a merge."""
    name = _method_choice()
    form, blocks_slot = st.container(), st.container()
    more = st.expander("More choices", icon=":material/tune:")
    with form:
        values = options_form(METHODS[name].options_type, here.form_key(name), more=more)
    with more:
        tasks = models_choice(here.PAGE, zoo, "The merge is judged on all tasks of the zoo all the same.")
        judging, limit = judging_choice(zoo) if judged else None, _limit(zoo)
        pre, post = processor_choice(here.PAGE, name, columns=1)
        guided, scores, blocks = is_guided(METHODS[name], pre), None, None
        mloss = mloss_choice(here.PAGE, guided)
        seed = seed_choice(here.PAGE, uses_seed(METHODS[name], values, pre))
    if guided:
        with blocks_slot:
            slot = st.container()
            scores = node_scores(zoo, tasks, mloss)
            with slot:
                blocks = block_choice(
                    here.PAGE,
                    zoo,
                    None if scores is None else block_means(scores),
                    help="Where the keep rate follows M-Loss; the other blocks keep k in every row. Click the strip to "
                    "choose.",
                )
    draft = make_draft(
        name, values, blocks=blocks, tasks=tasks, zoo_tasks=zoo.tasks, mloss=mloss, seed=seed, pre=pre, post=post
    )
    if draft.problem:
        st.caption(f":material/info: {plain(draft.problem)}")
    return Choices(draft, scores, judging, limit)


def _method_choice() -> str:
    names = [method.name for group in methods_by_family().values() for method in group if method.output == "single"]
    name = st.selectbox(
        "Method",
        names,
        index=names.index(DEFAULT_METHOD),
        key=here.METHOD,
        bind=state.BIND,
        format_func=lambda name: f"{METHODS[name].family} · {METHODS[name].title}" if name in METHODS else str(name),
        help="Methods that give one model. Those with one model a task are on the Merge page.",
    )
    return name if name in names else DEFAULT_METHOD


def _limit(zoo: ZooFacts) -> int | None:
    if not zoo.own:
        return None
    word = st.selectbox(
        "Images per task",
        list(LIMITS),
        index=1,
        key=here.IMAGES,
        bind=state.BIND,
        help="At most so many images of each task, drawn at random once, count as all.",
    )
    return LIMITS.get(word, 500)
