from types import MappingProxyType

from mloss_core.recipe import Recipe
from tests.pages.merge_lab import zoo
from tests.ui.fake_summary import fake_summary
from ui.inspect.choices import Choice, Model, model_text, splits_of
from ui.merge.entries import Entry, entries_from_text, row_key
from ui.zoo.facts import facts_of_summary

RECIPE = Recipe(method="ties")
MERGE = Model(row_key(RECIPE), "TIES", RECIPE.to_dict(), model_text(Entry(RECIPE)))
ENSEMBLE = Model("ensemble", "Ensemble", "ensemble", "ensemble")
CHOICE = Choice(MERGE, ENSEMBLE, "digits", "val", 100)


def test_a_request_says_models_and_images():
    assert CHOICE.request(zoo()) == {
        "zoo": "demo",
        "task": "digits",
        "split": "val",
        "limit": 100,
        "a": RECIPE.to_dict(),
        "b": "ensemble",
    }


def test_models_beside_baselines_are_there_once():
    assert CHOICE.beside("individual", "ensemble") == ["individual", "ensemble", RECIPE.to_dict()]
    assert CHOICE.beside("zero_shot") == ["zero_shot", RECIPE.to_dict(), "ensemble"]


def test_labels_are_the_page_s_own_for_its_models():
    assert CHOICE.label(MERGE.key, "TIES k 0.2") == "TIES" and CHOICE.label("individual", "Individual") == "Individual"


def test_a_merge_survives_its_link():
    entry = Entry(RECIPE, "Mine")
    assert entries_from_text(model_text(entry))[0] == (entry,)


def test_splits_are_those_with_images():
    facts = facts_of_summary("/zoos/mine", "mine", fake_summary())
    task = facts.tasks[0]
    assert splits_of(zoo(), "digits") == ("test", "val") == splits_of(facts, task)
    models = [dict(model) for model in facts.about["models"]]
    for sizes, splits in (
        ({"train": 9, "val": 2, "test": 0}, ("val",)),
        ({"train": 9}, ("train",)),
        (None, ("train",)),
    ):
        models[1]["images"] = sizes
        changed = facts_of_summary("/zoos/mine", "mine", MappingProxyType({**facts.about, "models": models}))
        assert splits_of(changed, task) == splits
