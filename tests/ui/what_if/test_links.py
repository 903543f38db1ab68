"""The way to What-if from the Merge table and from the pair card."""

from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from mloss_core.recipe import MLossOptions, Recipe
from tests.pages.merge_lab import FakeLab
from ui.what_if import links
from ui.what_if import state as here

PAGES = Path(__file__).parents[3] / "pages"


@pytest.fixture
def arrived(monkeypatch):
    held = {}

    def switch(page, query_params):
        held.update(page=page, **{str(name): value for name, value in st.session_state.items()})

    monkeypatch.setattr(st, "switch_page", switch)
    return held


def test_a_recipe_sets_the_controls(arrived):
    recipe = Recipe(method="m_ties", options={"keep_rate": 0.6, "span": 0.2}, blocks=(8, 9), seed=4)
    assert links.can_move(recipe)
    links.open_what_if(recipe)
    assert arrived["page"] == links.PAGE and (PAGES.parent / links.PAGE).is_file()
    assert arrived[here.METHOD] == "m_ties" and arrived["wi_m_ties_keep_rate"] == 0.6
    assert arrived[here.CUSTOM_BLOCKS] == [8, 9] and arrived[here.SEED] == 4


@pytest.mark.parametrize(
    "recipe",
    [
        Recipe(method="emr"),
        Recipe(method="ties", pre=("dare", "dare")),
        Recipe(method="m_ties", mloss=MLossOptions(seed=3)),
    ],
)
def test_what_the_page_has_no_controls_for_stays_where_it_is(recipe):
    assert not links.can_move(recipe)


def test_the_pair_card_leads_to_the_plane_of_the_pair(arrived, monkeypatch):
    FakeLab().install(monkeypatch)
    page = AppTest.from_file(str(PAGES / "mergeability.py"), default_timeout=30)
    page.query_params["mb_pair"] = "digits|shapes"
    page.run().button(key="mb_plane").click().run()
    assert not page.exception
    assert arrived["page"] == links.PAGE and arrived[here.VIEW] == "plane"
    assert (arrived["wi_pair_a"], arrived["wi_pair_b"]) == ("digits", "shapes")
