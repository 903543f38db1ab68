"""Surfaces, paths, planes, ablations, samples and seeds: each point is what `evaluate` says for the same recipe."""

import json
import math

import numpy as np
import pytest

from mloss_core import Recipe, merge
from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.evaluation import evaluate_weights
from mloss_core.evaluation.criteria import criterion_scores
from mloss_core.whatif.ablations import ablation, block_sets
from mloss_core.whatif.axes import Axis
from mloss_core.whatif.exports import point_rows, points_csv
from mloss_core.whatif.measures import Measure, Point, flat_region
from mloss_core.whatif.planes import barrier, nearest, plane
from mloss_core.whatif.spreads import sample_curve, seed_spread
from mloss_core.whatif.surfaces import surface
from mloss_core.whatif.views import measure_view
from tests.mloss_core.whatif.conftest import MLOSS

GUIDED = Recipe(method="m_ties", options={"keep_rate": 0.6, "span": 0.3}, mloss=MLOSS)
SPOTS = 1e-6


@pytest.fixture(scope="module")
def measure(bench):
    return Measure(bench)


def said(zoo, recipe, split="val"):
    return evaluate_weights(zoo, merge(zoo, recipe), split=split, tasks=recipe.tasks)


def test_a_surface_is_what_evaluate_says(zoo, measure):
    axes = [Axis("keep_rate", (0.3, 0.8)), Axis("span", (0.0, 0.2, 0.3))]
    found = surface(measure, GUIDED, axes)
    json.dumps(found, allow_nan=False)
    assert [point["values"] for point in found["points"]][:4] == [[0.3, 0.0], [0.3, 0.2], [0.3, 0.3], [0.8, 0.0]]
    for point in (found["points"][1], found["points"][5]):
        row = said(zoo, GUIDED.replace(options=dict(zip(("keep_rate", "span"), point["values"], strict=True))))
        assert point["value"] == pytest.approx(row.average, abs=SPOTS)
        assert point["standard_error"] == pytest.approx(row.standard_error, abs=SPOTS)
        assert point["tasks"] == pytest.approx(row.accuracy, abs=SPOTS)
    values = [point["value"] for point in found["points"]]
    assert values[found["best"]] == max(values) and found["points"][found["best"]]["flat"]
    assert found["split"] == "val" and sum(found["counts"].values()) == 300
    rows = point_rows(found)
    assert list(rows[0])[:4] == ["keep_rate", "span", "validation", "standard_error"]
    assert points_csv(found).splitlines()[0] == "keep_rate,span,validation,standard_error," + ",".join(
        [*zoo.tasks, "kept_fraction", "flat"]
    )


def test_a_path_is_the_merge_at_every_scale_and_marks_each_tasks_own_best(zoo, measure):
    recipe = Recipe(method="task_arithmetic")
    found = surface(measure, recipe, [Axis("scale", (0.0, 0.5, 1.0))])
    for point in found["points"]:
        row = said(zoo, recipe.replace(options={"scale": point["values"][0]}))
        assert point["value"] == pytest.approx(row.average, abs=SPOTS)
    for task, place in found["best_by_task"].items():
        along = [point["tasks"][task] for point in found["points"]]
        assert place == along.index(max(along))


def test_words_can_be_an_axis(zoo, measure):
    found = surface(measure, Recipe(method="ties"), [Axis("scope", ("tensor", "global"))])
    row = said(zoo, Recipe(method="ties", options={"scope": "tensor"}))
    assert found["points"][0]["value"] == pytest.approx(row.average, abs=SPOTS)


@pytest.mark.parametrize(("criterion", "split"), [("expert_agreement", "val"), ("expert_kl", "train")])
def test_criteria_without_labels_say_what_criterion_scores_says(zoo, bench, monkeypatch, criterion, split):
    monkeypatch.setattr(type(zoo.datasets["apples"]), "labels", None)
    measure = Measure(bench, criterion, split, limit=10)
    found = surface(measure, Recipe(method="ties"), [Axis("scale", (0.5, 1.0))])
    expected = criterion_scores(
        zoo, merge(zoo, Recipe(method="ties", options={"scale": 0.5})), (criterion,), images=10, source=split
    )[criterion]
    assert found["points"][0]["value"] == pytest.approx(expected.value, abs=SPOTS)
    assert found["points"][0]["standard_error"] == pytest.approx(expected.standard_error, abs=SPOTS)
    assert found["points"][0]["tasks"] == pytest.approx(expected.tasks, abs=SPOTS)
    assert found["counts"] == dict.fromkeys(zoo.tasks, 10) and found["labels"] is False


def test_what_a_measure_does_not_take(bench):
    with pytest.raises(UnknownNameError, match="unknown criterion 'validate': did you mean 'validation'"):
        Measure(bench, "validate")
    with pytest.raises(InvalidOptionError, match="accuracy is measured on val or test images; found train"):
        Measure(bench, "validation", "train")
    with pytest.raises(InvalidOptionError, match="images without labels come from train or val; found 'test'"):
        Measure(bench, "expert_kl", "test")


def test_the_flat_region_is_what_is_not_surely_worse():
    """Of 100 images: 60, 57 (3 lost, none won: 0.03 ± 0.017), 50 (0.10 ± 0.03) are right."""

    def point(count):
        return Point.of({"a": np.arange(100) < count}, None)

    assert flat_region([point(57), point(60), point(50), point(60)]) == (1, [True, True, False, True])
    with pytest.raises(InvalidOptionError, match="needs points"):
        flat_region([])


def test_a_plane_is_the_models_and_their_merges(zoo, bench):
    pair = ("clouds", "apples")
    measure = Measure(bench, tasks=("apples", "clouds"))
    found = plane(measure, pair, steps=3)
    json.dumps(found, allow_nan=False)
    points = {tuple(point["factors"]): point for point in found["points"]}
    assert len(points) == 9 and (0.5, 1.0) in points
    for corner, encoder in (
        ((0, 0), zoo.pretrained),
        ((1, 0), zoo.finetuned["clouds"]),
        ((0, 1), zoo.finetuned["apples"]),
    ):
        row = evaluate_weights(zoo, encoder, split="val", tasks=("apples", "clouds"))
        assert points[corner]["tasks"] == pytest.approx(row.accuracy, abs=SPOTS)
    for scale in (0.5, 1.0):
        recipe = Recipe(method="task_arithmetic", options={"scale": scale}, tasks=("apples", "clouds"))
        assert points[scale, scale]["value"] == pytest.approx(said(zoo, recipe).average, abs=SPOTS)
    merges = {merge["name"]: merge for merge in found["merges"]}
    assert merges["Simple Average"]["factors"] == pytest.approx([0.5, 0.5], abs=1e-4)
    assert merges["Simple Average"]["off_plane"] == pytest.approx(0, abs=1e-3)
    assert merges["TIES"]["off_plane"] > 0.1
    recipe = Recipe(method="ties", tasks=("apples", "clouds"))
    assert merges["TIES"]["value"] == pytest.approx(said(zoo, recipe).average, abs=SPOTS)
    assert found["line"][0]["factors"] == [1.0, 0.0] and found["line"][-1]["factors"] == [0.0, 1.0]
    assert list(point_rows(found)[0])[:2] == ["factor of clouds", "factor of apples"]
    with pytest.raises(InvalidOptionError, match="two different models; found apples, apples"):
        plane(measure, ("apples", "apples"))


def test_a_point_between_is_the_sum_of_both_changes(zoo, bench):
    measure = Measure(bench, tasks=("apples", "boats"))
    found = plane(measure, ("apples", "boats"), steps=3)
    states = [zoo.pretrained.weights, zoo.finetuned["apples"].weights, zoo.finetuned["boats"].weights]
    weights = {key: w + 0.5 * (a - w) + 1.0 * (b - w) for key in states[0] for w, a, b in [[s[key] for s in states]]}
    row = evaluate_weights(zoo, weights, split="val", tasks=("apples", "boats"))
    point = next(point for point in found["points"] if point["factors"] == [0.5, 1.0])
    assert point["tasks"] == pytest.approx(row.accuracy, abs=SPOTS)


def test_the_nearest_point_of_a_plane():
    from tests.zoos import tiny_zoo

    zoo = tiny_zoo(3)
    sum_of_two = merge(zoo, Recipe(method="task_arithmetic", options={"scale": 0.4}, tasks=("apples", "boats")))
    assert nearest(zoo, sum_of_two, ("boats", "apples")) == pytest.approx((0.4, 0.4, 0.0), abs=1e-3)
    nothing = merge(zoo, Recipe(method="task_arithmetic", options={"scale": 0.0}))
    assert nearest(zoo, nothing, ("boats", "apples")) == pytest.approx((0.0, 0.0, 0.0))


def test_the_barrier_is_the_deepest_dip_below_the_straight_line():
    line = [{"value": value, "factors": [place]} for place, value in enumerate((0.8, 0.5, 0.6))]
    assert barrier(line) == {"height": pytest.approx(0.2), "factors": [1]}
    arch = [{"value": value, "factors": [place]} for place, value in enumerate((0.8, 0.9, 0.6))]
    assert barrier(arch)["height"] == 0


def test_an_ablation_moves_the_guide_or_the_update(zoo, measure):
    found = ablation(measure, GUIDED)
    assert found["of"] == "guide" and len(found["points"]) == len(block_sets(4)) == 4 + 2 + 2 + 1
    point = next(point for point in found["points"] if point["blocks"] == [1, 2, 3])
    row = said(zoo, GUIDED.replace(blocks=(1, 2, 3)))
    assert (point["group"], point["label"]) == ("suffix", "1–3") and point["value"] == pytest.approx(row.average)
    assert list(point_rows(found)[0])[:3] == ["group", "label", "validation"]

    ties = Recipe(method="ties")
    found = ablation(measure, ties)
    assert found["of"] == "update" and found["points"][-1]["value"] == pytest.approx(said(zoo, ties).average)
    merged, base = merge(zoo, ties).state_dict(), zoo.pretrained.weights
    alone = {key: merged[key] if key.startswith("transformer.resblocks.2.") else base[key] for key in base}
    row = evaluate_weights(zoo, alone, split="val")
    assert found["points"][2]["tasks"] == pytest.approx(row.accuracy, abs=SPOTS)
    assert [blocks for group, _, blocks in block_sets(12) if group == "paper"] == [(8, 9, 10), (0, 8, 9, 10)]


def test_the_sample_curve_ends_at_the_largest_draw(measure, zoo):
    found = sample_curve(measure, GUIDED)
    assert [point["samples"] for point in found["points"]] == [1, 2, 4, 8, 16, 32, 64, 128]
    last = found["points"][-1]
    assert last["rank_correlation"] == pytest.approx(1) and last["keep_rate_shift"] == 0
    assert found["points"][0]["rank_correlation"] < found["points"][-2]["rank_correlation"] <= 1
    assert found["points"][2]["value"] == pytest.approx(said(zoo, GUIDED).average, abs=SPOTS)
    with pytest.raises(InvalidOptionError, match="recipes that follow M-Loss"):
        sample_curve(measure, Recipe(method="ties"))


def test_seeds_are_of_masks_and_of_images(measure, zoo):
    found = seed_spread(measure, Recipe(method="dare"), 3)
    assert [(point["of"], point["seed"]) for point in found["points"]] == [("masks", 0), ("masks", 1), ("masks", 2)]
    values = [said(zoo, Recipe(method="dare", seed=seed)).average for seed in range(3)]
    assert found["spread"]["masks"]["mean"] == pytest.approx(np.mean(values))
    assert found["spread"]["masks"]["deviation"] == pytest.approx(np.std(values, ddof=1))
    both = seed_spread(measure, GUIDED.replace(method="m_dare"), 2)
    assert set(both["spread"]) == {"masks", "images"} and not math.isnan(both["spread"]["masks"]["deviation"])
    with pytest.raises(InvalidOptionError, match="at least two of them; found 1"):
        seed_spread(measure, Recipe(method="dare"), 1)
    with pytest.raises(InvalidOptionError, match="TIES gives the same every time"):
        seed_spread(measure, Recipe(method="ties"))


def test_views_by_name(zoo):
    found = measure_view(zoo, "path", Recipe(method="ties"), axes=[{"name": "scale", "values": [0.5]}], limit=10)
    assert found["counts"] == dict.fromkeys(zoo.tasks, 10)
    with pytest.raises(UnknownNameError, match="unknown view 'map'"):
        measure_view(zoo, "map", Recipe(method="ties"))
    with pytest.raises(InvalidOptionError, match="ablation varies a recipe"):
        measure_view(zoo, "ablation")
    with pytest.raises(InvalidOptionError, match="one axis or two; found 0"):
        measure_view(zoo, "surface", Recipe(method="ties"))
    with pytest.raises(InvalidOptionError, match="2 to 21 steps"):
        measure_view(zoo, "plane", pair=("apples", "boats"), steps=1)


def test_a_task_called_as_a_column_keeps_its_own():
    points = [
        {"values": [0.5], "value": 0.7, "standard_error": 0.1, "tasks": {"scale": 0.6, "cars": 0.8}, "flat": True}
    ]
    (row,) = point_rows({"axes": [{"name": "scale"}], "criterion": "accuracy", "points": points})
    assert row == {"scale": 0.5, "accuracy": 0.7, "standard_error": 0.1, "task scale": 0.6, "cars": 0.8, "flat": True}
