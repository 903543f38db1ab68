import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.recipe import MLossOptions, Recipe
from ui.merge.draft import make_draft
from ui.processors import editable

TASKS = ("digits", "letters")


def draft(name, pre=(), post=(), **changes):
    choices = {"blocks": None, "tasks": TASKS, "zoo_tasks": TASKS, "mloss": MLossOptions(), "seed": 3, **changes}
    return make_draft(name, {}, pre=pre, post=post, **choices)


def chooser(method):
    def script(method):
        import streamlit as st

        from ui.processors import processor_choice

        st.session_state["found"] = processor_choice("mg", method)

    return AppTest.from_function(script, args=(method,), default_timeout=30).run()


def test_nothing_is_chosen_at_first():
    assert chooser("iso_c").session_state["found"] == ((), ())


def test_a_chosen_processor_brings_its_form_and_only_changes_are_written():
    at = chooser("iso_c")
    at.get("button_group")[0].set_value(["mloss"]).run()
    assert at.session_state["found"] == (("mloss",), ())
    at.slider(key="mg_pre_mloss_keep_rate").set_value(0.6).run()
    assert at.session_state["found"] == (("mloss:keep_rate=0.6",), ())
    assert any("Keep less of the rows" in caption.value for caption in at.caption)


def test_methods_with_one_model_a_task_have_nothing_after_them():
    assert len(chooser("iso_c").get("button_group")) == 2
    assert len(chooser("emr").get("button_group")) == 1


def test_m_loss_before_a_method_makes_blocks_and_options_count():
    guided = draft("iso_c", ("mloss:keep_rate=0.6",), blocks=(1, 2), mloss=MLossOptions.preset("reference"))
    assert guided.guided and guided.guide.keep_rate == 0.6
    assert guided.recipe.blocks == (1, 2) and guided.recipe.mloss == MLossOptions.preset("reference")
    assert guided.recipe.seed == 0
    plain = draft("iso_c", ("dare",), blocks=(1, 2))
    assert not plain.guided and plain.guide is None and plain.recipe.blocks is None and plain.recipe.seed == 3
    assert draft("iso_c", ("mloss:ranking=random",)).recipe.seed == 3


def test_what_does_not_go_together_is_one_sentence():
    found = draft("emr", post=("svc",))
    assert found.recipe is None and "emr gives one model a task" in found.problem


@pytest.mark.parametrize(
    ("pre", "possible"), [((), True), (("dare", "mloss"), True), (("mloss", "dare"), False), (("dare", "dare"), False)]
)
def test_the_builder_holds_each_once_in_its_order(pre, possible):
    assert editable(Recipe(method="iso_c", pre=pre, post=("svc:floor=0.1",))) is possible
