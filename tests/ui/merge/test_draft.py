import pytest

from mloss_core.merging.methods import METHODS, methods_by_family
from mloss_core.recipe import MLossOptions, Recipe
from ui.merge.draft import block_choices, chosen_blocks, make_draft

TASKS = ("digits", "letters", "shapes")
MLOSS = {0: 1.0, 1: 5.0, 2: 3.0, 3: 5.0, 4: 0.5}


def draft(name="m_ties", values=None, **changes):
    choices = {"blocks": None, "tasks": TASKS, "zoo_tasks": TASKS, "mloss": MLossOptions(), "seed": 0, **changes}
    return make_draft(name, values or {}, **choices)


def test_the_recipe_says_everything_that_was_chosen():
    found = draft(
        values={"keep_rate": 0.6, "span": 0.1},
        blocks=(8, 9),
        tasks=("digits", "shapes"),
        mloss=MLossOptions.preset("reference"),
    )
    assert found.problem == ""
    assert found.recipe == Recipe(
        method="m_ties",
        options={"keep_rate": 0.6},
        blocks=(8, 9),
        tasks=("digits", "shapes"),
        mloss=MLossOptions.preset("reference"),
    )
    assert found.options.keep_rate == 0.6 and found.guided


def test_all_models_and_default_options_are_left_out():
    assert draft("ties", {"keep_rate": 0.2, "scope": "global"}).recipe == Recipe(method="ties")


def test_choices_that_do_not_bear_on_the_method_do_not_enter_the_recipe():
    found = draft("ties", blocks=(8, 9), mloss=MLossOptions.preset("reference"), seed=7)
    assert found.recipe == Recipe(method="ties")
    assert draft("dare", seed=7).recipe.seed == 7
    assert draft(values={"ranking": "random"}, seed=7).recipe.seed == 7
    assert draft(seed=7).recipe.seed == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tasks": ("digits",)}, "at least two models"),
        ({"tasks": ()}, "at least two models"),
        ({"blocks": ()}, "No block is chosen"),
        ({"values": {"keep_rate": 3.0}}, "keep_rate must be from 0 to 1; found 3"),
    ],
)
def test_what_cannot_be_merged_is_said_in_one_sentence(changes, words):
    found = draft(**changes)
    assert found.recipe is None and words in found.problem


def test_presets_follow_the_depth():
    assert list(block_choices(12)) == ["all", "8,9,10", "0,8,9,10", "top3", "custom"]
    assert list(block_choices(6)) == ["all", "top3", "custom"]
    assert chosen_blocks("all", (), 12, None) is None
    assert chosen_blocks("0,8,9,10", (), 12, None) == (0, 8, 9, 10)


def test_the_top_blocks_are_numbers_with_ties_to_the_earlier():
    assert chosen_blocks("top3", (), 5, MLOSS) == (1, 2, 3)
    assert chosen_blocks("top3", (), 5, None) == ()


def test_custom_blocks_are_sorted_and_all_of_them_means_all():
    assert chosen_blocks("custom", [3, 1, 3], 5, None) == (1, 3)
    assert chosen_blocks("custom", range(5), 5, None) is None
    assert chosen_blocks("custom", [], 5, None) == ()


def test_every_method_is_listed_once_under_a_family():
    families = methods_by_family()
    assert sorted(method.name for group in families.values() for method in group) == sorted(METHODS)
    assert [method.name for method in families["M-Loss guided"]][:2] == ["m_ties", "m_dare"]


@pytest.mark.parametrize("name", METHODS)
def test_the_defaults_of_every_method_make_a_recipe(name):
    assert draft(name).recipe == Recipe(method=name)
