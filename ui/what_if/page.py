"""The What-if page, put together: controls on the left, live figures in the middle, surface and views beside them."""

import streamlit as st

from ui import theme
from ui.errors import guard
from ui.merge.keep import budget_sentence, keep_heatmap, keep_profile
from ui.what_if import state as here
from ui.what_if.controls import Choices, controls
from ui.what_if.judging import judging_needs, judging_words
from ui.what_if.live import ask, live_part, rest_part
from ui.what_if.surface import surface_part
from ui.what_if.views import views_part
from ui.zoo.facts import ZooFacts


def what_if_page(zoo: ZooFacts) -> None:
    """Draw the page below its title.

    The sliders stand in no fragment: Streamlit ends a run that waits when the page is asked for anew, and does not when
    only a fragment is.
    """
    left, rest = st.columns([0.23, 0.77], gap="medium")
    with rest:
        middle, right = st.columns([0.57, 0.43], gap="medium")
        below = st.container()
    needs, request = judging_needs(zoo), None
    with left, guard():
        choices = controls(zoo, judged=not needs)
        request = ask(zoo, choices)
    here.mirror_shown()
    with middle:
        sentence, slot, rates = st.container(), st.container(), st.container()
    with rates, guard():
        # First, as they are known at once.
        _keep_rates(choices)
    with right, guard():
        surface_part(zoo, choices, needs)
    with below, guard():
        views_part(zoo, choices, needs)
    with sentence:
        if needs:
            st.info(needs, icon=":material/info:")
        elif choices.judging is not None and (words := judging_words(zoo, choices.judging)):
            st.caption(f":material/visibility_off: {words}")
    with slot, guard():
        # Last, as it waits for what the worker finds.
        if request is not None:
            live_part(zoo, choices, request)
            rest_part()


def _keep_rates(choices: Choices) -> None:
    """Row-wise keep rates, which follow from M-Loss before anything is merged."""
    draft = choices.draft
    if choices.scores is None or draft.guide is None or draft.blocks == ():
        return
    profile = keep_profile(choices.scores, draft.guide, draft.blocks, draft.recipe.seed if draft.recipe else 0)
    theme.show(
        keep_heatmap(profile, "Keep rate by block and node", height=300),
        key="wi_keep_map",
        alt=f"Keep rate by block and node. {budget_sentence(profile)}",
    )
    st.caption(budget_sentence(profile))
