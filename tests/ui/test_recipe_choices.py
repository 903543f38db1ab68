from streamlit.testing.v1 import AppTest

from mloss_core.recipe import MLossOptions, Recipe
from ui.recipe_choices import PRESETS, preset_of


def page():
    import streamlit as st

    from ui import recipe_choices as choices
    from ui.zoo.facts import ZooFacts

    zoo = ZooFacts("demo", "d" * 64, ("a", "b", "c"), 4, 32, 8, 1000, {})
    recipe = st.session_state.get("recipe")
    st.button("set", on_click=lambda: choices.set_choices("xx", recipe))
    st.session_state["got"] = (
        choices.models_choice("xx", zoo, "Judged on all."),
        choices.mloss_choice("xx", True),
        choices.seed_choice("xx", True),
    )


def opened(recipe, test):
    test.session_state["recipe"] = recipe
    test.run()
    return test.button[0].click().run()


def test_all_models_are_merged_and_nothing_else_is_chosen_at_first():
    test = AppTest.from_function(page).run()
    assert test.session_state["got"] == (("a", "b", "c"), MLossOptions.preset("paper"), 0)


def test_a_recipe_sets_them():
    recipe = Recipe(method="m_ties", tasks=("c", "a"), seed=7, mloss=MLossOptions.preset("reference"))
    test = opened(recipe, AppTest.from_function(page).run())
    assert test.session_state["got"] == (("a", "c"), MLossOptions.preset("reference"), 7)


def test_a_recipe_of_all_models_is_of_all_whichever_were_chosen_before():
    test = opened(Recipe(method="ties", tasks=("a",)), AppTest.from_function(page).run())
    assert test.session_state["got"][0] == ("a",)
    test = opened(Recipe(method="ties"), test)
    assert test.session_state["got"][0] == ("a", "b", "c") and test.pills[0].value == ["a", "b", "c"]
    test.pills[0].set_value([]).run()
    assert test.session_state["got"][0] == ()


def test_where_nothing_is_guided_or_drawn_nothing_is_asked():
    def page():
        import streamlit as st

        from ui import recipe_choices as choices

        st.session_state["got"] = choices.mloss_choice("xx", False), choices.seed_choice("xx", False)

    test = AppTest.from_function(page).run()
    assert test.session_state["got"] == (MLossOptions(), 0) and not test.number_input


def test_presets_are_known_by_their_options():
    assert [preset_of(MLossOptions.preset(word)) for word in PRESETS] == list(PRESETS)
    assert preset_of(MLossOptions(samples_per_task=3)) is None
