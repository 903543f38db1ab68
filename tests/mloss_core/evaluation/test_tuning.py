import dataclasses
import json
import math

import numpy as np
import pytest

from mloss_core import Recipe, merge
from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError, JobCancelledError, UnknownNameError
from mloss_core.evaluation import criterion_scores, evaluate_weights, tune_scale, tuning
from mloss_core.evaluation.criteria import LABEL_FREE, Choice
from mloss_core.evaluation.rows import EvaluationRow
from tests.label_free import with_scrambled_labels, without_labels
from tests.zoos import tiny_zoo

TASK_ARITHMETIC = Recipe(method="task_arithmetic", options={"scale": 0.3})


@pytest.fixture
def zoo():
    return tiny_zoo(3)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def _scripted(monkeypatch, worth, normalised=None):
    """Replace the evaluation by a function of the scale."""
    tried = []

    def row(zoo, result, **_):
        scale = result.recipe.options["scale"]
        tried.append(scale)
        value = worth(scale)
        share = value if normalised is None else normalised(scale)
        figures = {} if math.isnan(share) else {"normalised": share}
        return EvaluationRow(
            key="m", model="M", kind="merged", counts={"a": 1}, average=value, standard_error=0.01, **figures
        )

    monkeypatch.setattr(tuning, "evaluate_weights", row)
    return tried


def test_up_until_three_in_a_row_are_no_better_then_both_sides(zoo, cache, monkeypatch):
    tried = _scripted(monkeypatch, lambda scale: 1 - abs(scale - 0.5))
    search = tune_scale(zoo, TASK_ARITHMETIC, cache=cache)
    assert tried == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0, 0.3, 0.5])
    assert search.scale == 0.5 and not search.at_the_end
    assert [point.scale for point in search.curve] == sorted(tried)


def test_of_equal_scales_the_smaller_wins(zoo, cache, monkeypatch):
    _scripted(monkeypatch, lambda scale: 0.5 if scale in (0.4, 0.5) else 0.1)
    assert tune_scale(zoo, TASK_ARITHMETIC, cache=cache).scale == 0.4


def test_small_scales_are_found(zoo, cache, monkeypatch):
    tried = _scripted(monkeypatch, lambda scale: 1 - abs(scale - 0.06))
    search = tune_scale(zoo, TASK_ARITHMETIC, cache=cache)
    assert tried[-2:] == [0.05, 0.025] and search.scale == 0.05 and not search.at_the_end


def test_a_merge_that_only_harms_says_that_the_search_ended_at_the_smallest(zoo, cache, monkeypatch):
    _scripted(monkeypatch, lambda scale: 1 - scale)
    search = tune_scale(zoo, TASK_ARITHMETIC, cache=cache)
    assert search.scale == 0.0125 and search.at_the_end


def test_a_search_that_ends_at_the_edge_says_so(zoo, cache, monkeypatch):
    _scripted(monkeypatch, lambda scale: scale)
    search = tune_scale(zoo, TASK_ARITHMETIC, cache=cache)
    assert search.scale == 3.0 and search.at_the_end


def test_undefined_numbers_never_win(zoo, cache, monkeypatch):
    _scripted(monkeypatch, lambda scale: float("nan") if scale > 0.3 else scale)
    assert tune_scale(zoo, TASK_ARITHMETIC, cache=cache).scale == 0.3


@pytest.mark.parametrize("metric", ["normalised", "average"])
def test_the_curve_is_that_of_merges_made_one_by_one(zoo, cache, metric):
    search = tune_scale(zoo, TASK_ARITHMETIC, metric=metric, cache=cache)
    for point in search.curve[:2] + search.curve[-1:]:
        alone = merge(zoo, TASK_ARITHMETIC.replace(options={"scale": point.scale}))
        row = evaluate_weights(zoo, alone, split="val", cache=cache)
        assert (point.average, point.standard_error) == (row.average, row.standard_error)
    assert getattr(max(search.curve, key=lambda p: getattr(p, metric)), metric) == max(
        getattr(point, metric) for point in search.curve if point.scale == search.scale
    )
    chosen = merge(zoo, search.recipe)
    assert search.result.digest == chosen.digest and search.result.name == chosen.name


def test_test_images_cannot_decide(zoo, cache):
    """With other images and labels in every test split the search finds the same."""

    class Blind:
        def __init__(self, dataset):
            self._dataset = dataset

        def __getattr__(self, name):
            return getattr(self._dataset, name)

        def images(self, split, indices, preprocess="model"):
            assert split != "test", "the search looked at test images"
            return self._dataset.images(split, indices, preprocess)

        def labels(self, split):
            assert split != "test", "the search looked at test labels"
            return self._dataset.labels(split)

    blind = dataclasses.replace(zoo, datasets={task: Blind(data) for task, data in zoo.datasets.items()})
    assert tune_scale(blind, TASK_ARITHMETIC, cache=cache).to_dict()["split"] == "val"


def test_merging_happens_once(zoo, cache, monkeypatch):
    calls = []
    monkeypatch.setattr(tuning, "merge", lambda *args, **more: calls.append(1) or merge(*args, **more))
    tune_scale(zoo, Recipe(method="ties"), cache=cache)
    assert len(calls) == 1


def test_progress_rises_and_can_stop(zoo, cache):
    seen = []
    tune_scale(zoo, TASK_ARITHMETIC, cache=cache, progress=lambda f, m="": seen.append(f))
    assert seen == sorted(seen) and seen[-1] == 1

    def stop(fraction, message=""):
        raise JobCancelledError("stop")

    with pytest.raises(JobCancelledError):
        tune_scale(zoo, TASK_ARITHMETIC, cache=cache, progress=stop)


@pytest.mark.parametrize(
    ("recipe", "more", "error", "words"),
    [
        (Recipe(method="average"), {}, InvalidOptionError, "average has no scale to choose"),
        (TASK_ARITHMETIC, {"metric": "worst"}, UnknownNameError, "metric 'worst'"),
        (TASK_ARITHMETIC, {"choose_by": "worst"}, UnknownNameError, "criterion 'worst'"),
    ],
)
def test_bad_input(zoo, cache, recipe, more, error, words):
    with pytest.raises(error, match=words):
        tune_scale(zoo, recipe, cache=cache, **more)


def test_rescaling_is_merging_again(zoo):
    first = merge(zoo, Recipe(method="m_ties", options={"scale": 1.0}))
    again = first.rescaled(0.7)
    fresh = merge(zoo, Recipe(method="m_ties", options={"scale": 0.7}))
    assert (again.digest, again.name, again.recipe) == (fresh.digest, fresh.name, fresh.recipe)
    assert all(np.array_equal(again.state_dict()[key], fresh.state_dict()[key]) for key in fresh.state_dict())
    with pytest.raises(InvalidOptionError, match="scale must be from -5 to 5"):
        first.rescaled(6)


def test_where_an_individual_model_is_never_right_the_plain_average_decides(zoo, cache, monkeypatch):
    nothing = float("nan")
    _scripted(monkeypatch, lambda scale: 1 - abs(scale - 0.5), normalised=lambda scale: nothing)
    search = tune_scale(zoo, TASK_ARITHMETIC, cache=cache)
    assert search.metric == "average" and search.scale == 0.5
    written = json.loads(json.dumps(search.to_dict(), allow_nan=False))
    assert written["metric"] == "average" and {point["normalised"] for point in written["curve"]} == {None}
    assert written["fallback"] == "a task's own model is never right, so that no accuracy can be measured by it"
    assert tune_scale(zoo, TASK_ARITHMETIC, metric="average", cache=cache).fallback == ""


@pytest.mark.parametrize("source", ["train", "val"])
@pytest.mark.parametrize("name", LABEL_FREE)
def test_a_choice_without_labels_never_reads_one(zoo, cache, name, source):
    """The same scale and the same curve whether labels are there, belong to other images, or fail who reads them."""
    choice = Choice(name, images=8, source=source)
    plain = tune_scale(zoo, TASK_ARITHMETIC, choose_by=choice, cache=cache)
    for veiled in (with_scrambled_labels(zoo), without_labels(zoo)):
        search = tune_scale(veiled, TASK_ARITHMETIC, choose_by=choice, cache=cache)
        assert search.scale == plain.scale
        assert [point.value for point in search.curve] == [point.value for point in plain.curve]
    assert plain.metric == name and plain.counts == dict.fromkeys(zoo.tasks, 8)
    assert plain.best.value == max(point.value for point in plain.curve)


def test_scrambled_labels_do_change_a_choice_by_labels(zoo, cache):
    """What the test above compares can differ at all."""
    curves = [
        [point.value for point in tune_scale(one, TASK_ARITHMETIC, cache=cache).curve]
        for one in (zoo, with_scrambled_labels(zoo))
    ]
    assert curves[0] != curves[1]


def test_a_label_free_curve_is_the_criterion_of_merges_made_one_by_one(zoo, cache):
    search = tune_scale(zoo, TASK_ARITHMETIC, choose_by=Choice("expert_kl", images=8, seed=2), cache=cache)
    for point in search.curve[:2]:
        alone = merge(zoo, TASK_ARITHMETIC.replace(options={"scale": point.scale}))
        score = criterion_scores(zoo, alone, ["expert_kl"], images=8, seed=2, cache=cache)["expert_kl"]
        assert (point.value, point.value_error) == (score.value, score.standard_error)
    written = json.loads(json.dumps(search.to_dict(), allow_nan=False))
    assert written["choose_by"] == written["metric"] == "expert_kl" and not written["labels"]
    assert (written["split"], written["images_per_task"], written["draw"]) == ("train", 8, 2)
    assert written["curve"][0]["average"] is None and written["curve"][0]["value"] < 0


def test_only_the_merged_tasks_are_looked_at(zoo, cache):
    recipe = TASK_ARITHMETIC.replace(tasks=("apples", "clouds"))
    search = tune_scale(zoo, recipe, choose_by=Choice("ensemble_agreement", images=8), cache=cache)
    assert search.counts == {"apples": 8, "clouds": 8}
