"""The nested zoos are worth looking at: what their card records on validation images, and that the record is true."""

from pathlib import Path

import pytest

from mloss_core import Recipe, merge, open_zoo
from mloss_core.demo import read_manifest
from mloss_core.demo.embedded import WEIGHTS
from mloss_core.demo.tasks import TASKS
from mloss_core.evaluation.cards import curve_of_card, profile_of_card
from mloss_core.vision.towers import build_tower
from mloss_core.zoo.embedded import EMBEDDED, first_of_manifest

WEIGHTS20 = EMBEDDED["demo20"].folder
CARD = read_manifest(WEIGHTS20)
COUNTS = (8, 14, 20)
CARDS = {count: first_of_manifest(CARD, count) for count in COUNTS}
MERGES = ("simple_average", "task_arithmetic", "tsv_m")
DOCUMENT = Path(__file__).parents[3] / "docs" / "demo20.md"


@pytest.fixture(scope="module")
def zoo():
    return open_zoo("demo20", device="cpu")


@pytest.fixture(params=COUNTS)
def val(request):
    return {name: row["average"] for name, row in CARDS[request.param]["average"]["val"].items()}


def test_every_individual_model_knows_its_task():
    found = CARD["accuracy"]["val"]["individual"]
    assert set(found) == set(TASKS) and min(found.values()) >= 0.80


def test_gates(val):
    best = max(val["simple_average"], val["task_arithmetic"])
    assert val["individual"] >= 0.90
    assert 0.35 <= val["zero_shot"] <= 0.60
    assert val["simple_average"] > val["zero_shot"]
    assert best >= val["simple_average"] + 0.03
    assert best <= val["individual"] - 0.10
    assert val["tsv_m"] <= val["individual"] - 0.05, "a merge gap to speak of is left by spectral merges too"


def test_eight_models_merge_better_than_more():
    best = {count: max(CARDS[count]["average"]["val"][name]["average"] for name in MERGES) for count in COUNTS}
    assert best[8] > max(best[14], best[20])


def test_test_images_suffice():
    assert all(count >= (600 if task == "digits" else 1000) for task, count in CARD["counts"]["test"].items())


def test_zoos_nest(zoo):
    assert zoo.tasks == tuple(TASKS) and zoo.notes == ()
    fourteen = open_zoo("demo14", device="cpu")
    assert fourteen.tasks == zoo.tasks[:14] and fourteen.name == "demo14" and zoo.name == "demo20"
    assert fourteen.pretrained.digest == zoo.pretrained.digest
    assert fourteen.card["average"] == CARDS[14]["average"] != zoo.card["average"]
    for task in fourteen.tasks:
        assert fourteen.finetuned[task].digest == zoo.finetuned[task].digest
        assert fourteen.datasets[task].digest == zoo.datasets[task].digest


def test_the_first_eight_draw_what_the_zoo_of_eight_draws():
    eight = read_manifest()["tasks"]
    assert {task: CARD["tasks"][task]["digest"] for task in eight} == {t: f["digest"] for t, f in eight.items()}


def test_all_embedded_files_are_small():
    assert sum(file.stat().st_size for place in (WEIGHTS, WEIGHTS20) for file in place.iterdir()) < 45e6


def _accuracy(zoo, weights, task):
    """Accuracy on all validation images, computed apart from the evaluation code."""
    dataset = zoo.datasets[task]
    tower = build_tower(zoo.architecture, weights)
    answers = tower(dataset.images("val", range(dataset.size("val")))) @ zoo.heads[task].T
    return (answers.argmax(-1) == dataset.labels("val")).float().mean().item()


@pytest.mark.parametrize("task", ["clocks", "cards"])
def test_recorded_accuracies_are_measured_again(zoo, task):
    """Up to two images of 500: another processor may round a close call otherwise."""
    recorded = {name: accuracy[task] for name, accuracy in CARD["accuracy"]["val"].items()}
    measured = {
        "zero_shot": _accuracy(zoo, zoo.pretrained.weights, task),
        "individual": _accuracy(zoo, zoo.finetuned[task].weights, task),
    }
    for name in ("simple_average", "tsv_m"):
        recipe = Recipe.from_dict(CARD["chosen"][name])
        measured[name] = _accuracy(zoo, merge(zoo, recipe).state_dict(), task)
    assert measured == pytest.approx({name: recorded[name] for name in measured}, abs=0.0041)


@pytest.mark.parametrize("count", COUNTS)
def test_the_document_shows_what_was_measured(count):
    text = DOCUMENT.read_text(encoding="utf-8")
    rows = [*CARDS[count]["average"]["test"].items(), *CARDS[count]["average"]["val"].items()]
    for name, row in rows:
        assert f"{100 * row['average']:.1f} ± {100 * row['standard_error']:.1f}" in text, name


@pytest.mark.parametrize("count", COUNTS)
def test_a_card_is_complete(count):
    """Both Ensembles on both splits, the curve up to all of its tasks, and the M-Loss of every block."""
    card = CARDS[count]
    for split in ("val", "test"):
        assert {"ensemble_features", "ensemble_logits"} <= set(card["average"][split])
    assert max(curve_of_card(card).counts) == count and len(profile_of_card(card)) == 12
    assert card["mloss"]["images"] == 16 * count and card["task_vectors"]["relative_length"] < 0.04


def test_the_curve_agrees_with_the_card():
    """Rows that both have are the same images, models and methods."""
    rows = CARD["curve"]["rows"]
    for count in COUNTS:
        averages = CARDS[count]["average"]["test"]
        for name in ("zero_shot", "ensemble_features", "ensemble_logits", "individual"):
            assert rows[str(count)][name] == pytest.approx(averages[name]), (count, name)
        assert rows[str(count)]["average"] == pytest.approx(averages["simple_average"])


def test_the_document_shows_curve_and_profile():
    text = DOCUMENT.read_text(encoding="utf-8")
    names = ("zero_shot", "average", "ties", "tsv_m", "actmat", "ensemble_logits", "individual")
    for count, row in CARD["curve"]["rows"].items():
        figures = [f"{100 * row[name]['average']:.1f}" for name in names]
        assert f"| {' | '.join([count, *figures])} |" in text
    for count in COUNTS:
        for one in profile_of_card(CARDS[count]):
            assert f"{1e6 * one.mloss:.3f} ± {1e6 * one.standard_error:.3f}" in text
