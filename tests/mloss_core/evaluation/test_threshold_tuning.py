import dataclasses

import pytest

from mloss_core import Recipe, merge
from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation import (
    check_tunable,
    criterion_scores,
    evaluate_weights,
    threshold_tuning,
    tune,
    tune_thresholds,
)
from mloss_core.evaluation.criteria import Choice
from tests.label_free import with_scrambled_labels, without_labels
from tests.zoos import tiny_zoo

TALL = Recipe(method="tall_mask", options={"combine": "ties"})


@pytest.fixture
def zoo():
    return tiny_zoo(3)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def _scripted(monkeypatch, worth):
    """Replace the evaluation by a function of the threshold and the task."""

    def row(zoo, result, **_):
        threshold = result.recipe.options["threshold"]
        accuracy = {task: worth(threshold, task) for task in zoo.tasks}
        return type("Row", (), {"accuracy": accuracy, "counts": dict.fromkeys(zoo.tasks, 4)})

    monkeypatch.setattr(threshold_tuning, "evaluate_weights", row)


def test_every_task_gets_its_own_best_and_of_equal_ones_the_smallest(zoo, cache, monkeypatch):
    best = {"apples": (0.5,), "boats": (0.3, 0.6), "clouds": (0.2, 0.3, 0.4, 0.5, 0.6)}
    _scripted(monkeypatch, lambda threshold, task: 0.9 if threshold in best[task] else 0.1)
    search = tune_thresholds(zoo, TALL, cache=cache)
    assert dict(search.thresholds) == {"apples": 0.5, "boats": 0.3, "clouds": 0.2}
    assert dict(search.recipe.options) == {"combine": "ties", "thresholds": (0.5, 0.3, 0.2)}
    assert list(search.curve) == [0.2, 0.3, 0.4, 0.5, 0.6]
    # The answer is the merge of these thresholds: each task's model is that of its own.
    assert search.result.digest == merge(zoo, search.recipe).digest
    alone = merge(zoo, TALL.replace(options={"combine": "ties", "threshold": 0.3}))
    assert search.result.task_digests["boats"] == alone.task_digests["boats"]


def test_the_curve_is_that_of_merges_made_one_by_one(zoo, cache):
    search = tune_thresholds(zoo, TALL, grid=(0.6, 0.2), cache=cache)
    assert list(search.curve) == [0.2, 0.6] and set(search.counts) == set(zoo.tasks)
    for threshold, accuracy in search.curve.items():
        alone = merge(zoo, TALL.replace(options={"combine": "ties", "threshold": threshold}))
        assert accuracy == evaluate_weights(zoo, alone, split="val", cache=cache).accuracy
    for task, threshold in search.thresholds.items():
        assert search.curve[threshold][task] == max(row[task] for row in search.curve.values())
    plain = search.to_dict()
    assert plain["split"] == "val" and plain["curve"][0]["threshold"] == 0.2 and plain["metric"] == "top1"


def test_test_images_cannot_decide(zoo, cache):
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
    assert tune(blind, TALL, cache=cache).to_dict()["split"] == "val"


def test_some_tasks_take_the_zoos_order(zoo, cache):
    names = zoo.tasks
    search = tune_thresholds(zoo, TALL.replace(tasks=(names[2], names[0])), grid=(0.2, 0.4), cache=cache)
    assert list(search.thresholds) == [names[0], names[2]] == list(search.recipe.tasks)
    with pytest.raises(InvalidOptionError, match="thresholds go by the zoo's order of tasks; found clouds, apples"):
        merge(zoo, search.recipe.replace(tasks=(names[2], names[0])))


def test_progress_rises_to_1(zoo, cache):
    seen = []
    tune_thresholds(zoo, TALL, grid=(0.2, 0.4), cache=cache, progress=lambda f, m="": seen.append(f))
    assert seen == sorted(seen) and seen[-1] == 1


def test_what_has_neither_threshold_nor_scale_is_refused(zoo, cache):
    with pytest.raises(InvalidOptionError, match="such as tall_mask; consensus has none"):
        tune_thresholds(zoo, Recipe(method="consensus"), cache=cache)
    with pytest.raises(InvalidOptionError, match="from a grid; found an empty one"):
        tune_thresholds(zoo, TALL, grid=(), cache=cache)
    check_tunable(TALL)
    check_tunable(Recipe(method="consensus"))
    with pytest.raises(InvalidOptionError, match="emr gives one model a task"):
        check_tunable(Recipe(method="emr"))


def test_a_choice_without_labels_never_reads_one(zoo, cache):
    choice = Choice("expert_kl", images=8)
    plain = tune(zoo, TALL, choose_by=choice, cache=cache)
    for veiled in (with_scrambled_labels(zoo), without_labels(zoo)):
        search = tune(veiled, TALL, choose_by=choice, cache=cache)
        assert search.thresholds == plain.thresholds and search.curve == plain.curve
    for threshold, values in plain.curve.items():
        alone = merge(zoo, TALL.replace(options={"combine": "ties", "threshold": threshold}))
        assert values == criterion_scores(zoo, alone, ["expert_kl"], images=8, cache=cache)["expert_kl"].tasks
    told = plain.to_dict()
    assert (told["metric"], told["split"], told["counts"]) == ("expert_kl", "train", dict.fromkeys(zoo.tasks, 8))
