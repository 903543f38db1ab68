"""The shipped zoo is worth looking at: what its card records on validation images, and that the record is true."""

from pathlib import Path

import pytest

from mloss_core import Recipe, merge, open_zoo
from mloss_core.demo import read_manifest
from mloss_core.vision.towers import build_tower

ROOT = Path(__file__).parents[3]
CARD = read_manifest()
VAL = {name: row["average"] for name, row in CARD["average"]["val"].items()}
BEST_MERGE = max(VAL[name] for name in ("simple_average", "task_arithmetic", "ties"))


@pytest.fixture(scope="module")
def zoo():
    return open_zoo("demo", device="cpu")


def test_individual_models_know_their_tasks():
    assert VAL["individual"] >= 0.90
    assert min(CARD["accuracy"]["val"]["individual"].values()) >= 0.82


def test_zero_shot_is_partial():
    assert 0.35 <= VAL["zero_shot"] <= 0.60


def test_merging_helps_and_tuned_merging_helps_more():
    assert VAL["simple_average"] >= VAL["zero_shot"] + 0.05
    assert BEST_MERGE >= VAL["simple_average"] + 0.03
    assert VAL["ensemble_logits"] > VAL["simple_average"]


def test_something_is_left_to_gain():
    assert BEST_MERGE <= VAL["individual"] - 0.10


def test_averages_are_known_to_about_half_a_point():
    assert all(row["standard_error"] < 0.0065 for row in CARD["average"]["test"].values())
    assert all(count >= (600 if task == "digits" else 1000) for task, count in CARD["counts"]["test"].items())


def _accuracy(zoo, weights, task):
    """Accuracy on all validation images, computed apart from the evaluation code."""
    dataset = zoo.datasets[task]
    tower = build_tower(zoo.architecture, weights)
    answers = tower(dataset.images("val", range(dataset.size("val")))) @ zoo.heads[task].T
    return (answers.argmax(-1) == dataset.labels("val")).float().mean().item()


@pytest.mark.parametrize("task", ["letters", "terrain"])
def test_recorded_accuracies_are_measured_again(zoo, task):
    """Up to two images of 500: another processor may round a close call otherwise."""
    recorded = {name: accuracy[task] for name, accuracy in CARD["accuracy"]["val"].items()}
    average = merge(zoo, Recipe(method="average")).state_dict()
    measured = {
        "zero_shot": _accuracy(zoo, zoo.pretrained.weights, task),
        "individual": _accuracy(zoo, zoo.finetuned[task].weights, task),
        "simple_average": _accuracy(zoo, average, task),
    }
    assert measured == pytest.approx({name: recorded[name] for name in measured}, abs=0.0041)


def test_the_tuned_merge_is_the_recorded_recipe(zoo):
    recipe = Recipe.from_dict(CARD["chosen"]["task_arithmetic"])
    measured = _accuracy(zoo, merge(zoo, recipe).state_dict(), "signs")
    assert measured == pytest.approx(CARD["accuracy"]["val"]["task_arithmetic"]["signs"], abs=0.0041)
    assert recipe.options["scale"] > 1 / 8, "Task Arithmetic must not be the Simple Average under another name"


def test_the_model_card_shows_what_was_measured():
    text = (ROOT / "docs" / "demo_zoo.md").read_text(encoding="utf-8")
    for name, row in CARD["average"]["test"].items():
        if "m_ties" not in name:
            assert f"| {100 * row['average']:.1f} ± {100 * row['standard_error']:.1f} |" in text, name
    for row in CARD["controls"]["test"]:
        if "random" not in row["name"]:
            assert f"| {100 * row['average']:.2f} |" in text, row["name"]
