import dataclasses

import pytest
from streamlit.testing.v1 import AppTest

from mloss_core.merging.flat.ties import TiesOptions
from mloss_core.options import check_options, option
from mloss_core.recipe import MLossOptions
from ui.options_form import _rows, changed_values, choice_label, decimals, form_fields


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sample:
    keep_rate: float = option(0.8, label="Keep rate", letter="k", help="Kept.", minimum=0.0, maximum=1.0, step=0.05)
    scale: float = option(1.0, label="Scale", letter="λ", help="Factor.", minimum=0.0)
    ranking: str = option("rank", label="Ranking", help="Order.", choices=("rank", "reversed", "random"))
    schedule: str = option(
        "one_sided", label="Schedule", help="Shape.", choices=("one_sided", "symmetric", "budget_preserving")
    )
    draws: int = option(3, label="Draws", help="Number.", minimum=1, advanced=True)
    rescale: bool = option(True, label="Rescale", help="Divide.", advanced=True)
    target: float | None = option(None, label="Target", help="Rate.", minimum=0.0, maximum=1.0, step=0.1)
    levels: tuple[float, ...] | None = option(
        None, label="Levels", help="Several.", minimum=0.0, maximum=1.0, advanced=True
    )
    plain: tuple[float, ...] | None = None

    def __post_init__(self):
        check_options(self)


def script():
    import streamlit as st

    from tests.ui.test_options_form import Sample
    from ui.options_form import fill_form, options_form

    st.session_state["values"] = options_form(Sample, "mg_sample")
    st.button("fill", on_click=fill_form, args=(Sample, "mg_sample", {"keep_rate": 0.35, "ranking": "random"}))


def draw(**params):
    test = AppTest.from_function(script, default_timeout=20)
    for name, value in params.items():
        test.query_params[name] = value
    return test.run()


def test_fields_carry_label_with_letter_help_and_range():
    fields = {field.name: field for field in form_fields(Sample)}
    assert "plain" not in fields
    assert fields["keep_rate"].label == "Keep rate k"
    assert (fields["keep_rate"].minimum, fields["keep_rate"].maximum, fields["keep_rate"].step) == (0.0, 1.0, 0.05)
    assert fields["draws"].label == "Draws"
    kinds = {name: field.kind for name, field in fields.items()}
    assert kinds == {
        "keep_rate": "slider",
        "scale": "number",
        "ranking": "choice",
        "schedule": "choice",
        "draws": "whole",
        "rescale": "flag",
        "target": "number",
        "levels": "numbers",
    }
    assert fields["target"].optional and not fields["scale"].optional


def test_a_long_range_is_typed_and_a_short_one_dragged():
    kinds = {field.name: field.kind for field in form_fields(MLossOptions)}
    assert kinds["slope"] == "slider"
    assert kinds["samples_per_task"] == "whole"
    assert kinds["seed"] == "whole"


def test_every_default_is_a_legal_value_of_the_record():
    test = draw()
    assert not test.exception
    values = test.session_state["values"]
    assert values == {
        "keep_rate": 0.8,
        "scale": 1.0,
        "ranking": "rank",
        "schedule": "one_sided",
        "draws": 3,
        "rescale": True,
        "target": None,
        "levels": None,
    }
    assert Sample(**values) == Sample()


def test_widgets_have_ranges_and_labels_of_the_record():
    test = draw()
    slider = test.slider(key="mg_sample_keep_rate")
    assert (slider.label, slider.min, slider.max, slider.step) == ("Keep rate k", 0.0, 1.0, 0.05)
    assert test.number_input(key="mg_sample_scale").min == 0.0
    assert test.selectbox(key="mg_sample_schedule").options == ["One sided", "Symmetric", "Budget preserving"]


def test_moving_a_widget_changes_the_value():
    test = draw()
    test.slider(key="mg_sample_keep_rate").set_value(0.35).run()
    assert test.session_state["values"]["keep_rate"] == 0.35


def test_a_link_restores_the_form_and_bad_values_fall_back():
    test = draw(mg_sample_keep_rate="0.25", mg_sample_schedule="nonsense", mg_sample_draws="7")
    values = test.session_state["values"]
    assert values["keep_rate"] == 0.25
    assert values["schedule"] == "one_sided"
    assert values["draws"] == 7


def test_fill_form_sets_values_and_defaults():
    test = draw(mg_sample_draws="9")
    test.button[0].click().run()
    values = test.session_state["values"]
    assert (values["keep_rate"], values["ranking"], values["draws"]) == (0.35, "random", 3)


def test_changed_values_are_those_that_differ():
    assert changed_values(Sample, {"keep_rate": 0.8, "scale": 2.0, "ranking": "rank"}) == {"scale": 2.0}
    assert changed_values(Sample, {}) == {}


@pytest.mark.parametrize(
    ("value", "words"), [("one_sided", "One sided"), ("rank", "Rank"), ("l2", "L2"), ("ties", "TIES")]
)
def test_choices_are_shown_as_words(value, words):
    assert choice_label(value) == words


@pytest.mark.parametrize(("step", "places"), [(0.05, 2), (0.025, 3), (0.5, 1), (1.0, 1), (0.1, 1)])
def test_sliders_show_the_decimals_of_their_step(step, places):
    assert decimals(step) == places


def test_choices_side_by_side_have_a_line_of_their_own():
    fields = list(form_fields(TiesOptions))
    lines = [[field.name for field in row] for row in _rows([f for f in fields if not f.advanced], 2)]
    assert lines == [["keep_rate", "scale"], ["scope"]]


def test_several_numbers_are_typed_with_commas_between():
    test = draw()
    assert test.session_state["values"]["levels"] is None
    test.text_input(key="mg_sample_levels").set_value("0.25, 1").run()
    assert test.session_state["values"]["levels"] == (0.25, 1.0)
    test.text_input(key="mg_sample_levels").set_value("0.25;1").run()
    assert test.session_state["values"]["levels"] == "0.25;1"
    assert not test.exception


def levels_script():
    import streamlit as st

    from tests.ui.test_options_form import Sample
    from ui.options_form import fill_form, options_form

    st.session_state["values"] = options_form(Sample, "mg_sample")
    st.button("fill", on_click=fill_form, args=(Sample, "mg_sample", {"levels": (0.5, 1.0)}))


def test_several_numbers_are_filled_in():
    test = AppTest.from_function(levels_script, default_timeout=20).run()
    test.button[0].click().run()
    assert not test.exception and test.session_state["values"]["levels"] == (0.5, 1.0)
