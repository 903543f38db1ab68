import dataclasses

import numpy as np
import pytest

from mloss_core.caching import FEATURES, Cache
from mloss_core.errors import InvalidOptionError, UnknownNameError, ZooError
from mloss_core.evaluation import evaluate
from mloss_core.mergeability import pair_merges
from mloss_core.mergeability.pair_merges import pair_accuracies
from mloss_core.merging.zoo_merge import merge
from mloss_core.recipe import MLossOptions, Recipe
from tests.zoos import tiny_zoo

METHODS = ("average", "ties", Recipe(method="m_ties", mloss=MLossOptions(samples_per_task=4)))


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(tasks=3, layers=2)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def test_accuracies_are_those_of_evaluate(zoo, cache):
    frame = pair_accuracies(zoo, METHODS, tasks=["apples", "clouds", "boats"], cache=cache)
    assert list(zip(frame["task_a"], frame["task_b"], strict=True)) == [
        ("apples", "boats"),
        ("apples", "clouds"),
        ("boats", "clouds"),
    ]
    two = zoo.subset(("apples", "clouds"))
    table = evaluate(two, [merge(two, Recipe(method="ties"))], cache=cache)
    row, own = table.iloc[1], table.iloc[-1]
    found = frame.iloc[1]
    assert found["acc_a_ties"] == row["apples"] and found["acc_b_ties"] == row["clouds"]
    assert found["acc_ties"] == pytest.approx((row["apples"] + row["clouds"]) / 2)
    shares = [row[task] / own[task] for task in ("apples", "clouds")]
    assert found["normacc_ties"] == pytest.approx(np.mean(shares))
    assert found["acc_individual"] == pytest.approx((own["apples"] + own["clouds"]) / 2)
    assert "normacc_zero_shot" in frame and "normacc_individual" not in frame
    assert frame.attrs["split"] == "test" and set(frame.attrs["recipes"]) == {"average", "ties", "m_ties"}


def test_a_stopped_call_goes_on_where_it_was(zoo, cache, monkeypatch):
    pair_accuracies(zoo, ("average",), pairs=[("apples", "boats")], cache=cache)
    kept = len(list(cache.files(FEATURES)))
    merged = []
    real = pair_merges.merge
    monkeypatch.setattr(
        pair_merges, "merge", lambda zoo, recipe, **rest: merged.append(zoo.tasks) or real(zoo, recipe, **rest)
    )
    pair_accuracies(zoo, ("average",), cache=cache)
    assert merged == [("apples", "clouds"), ("boats", "clouds")]
    # Features of the zoo's own models are kept, those of merges are not.
    assert kept == 2 * 2 and len(list(cache.files(FEATURES))) == 2 * 3


def test_some_pairs_need_their_own_tasks_alone(zoo, cache):
    """Workers do some pairs of a choice, a page does one: what else the zoo holds may lack images and heads."""
    lacking = dataclasses.replace(
        zoo,
        datasets={task: zoo.datasets[task] for task in ("apples", "boats")},
        heads={task: zoo.heads[task] for task in ("apples", "boats")},
    )
    frame = pair_accuracies(lacking, ("average",), pairs=[("boats", "apples")], cache=cache)
    whole = pair_accuracies(zoo, ("average",), cache=cache)
    assert frame["acc_a_average"][0] == whole["acc_b_average"][0] and set(frame.attrs["counts"]) == {"apples", "boats"}
    with pytest.raises(UnknownNameError, match="unknown task 'nope'"):
        pair_accuracies(zoo, ("average",), pairs=[("apples", "nope")], cache=cache)


def test_what_cannot_be_a_pair_is_one_sentence(zoo, cache):
    with pytest.raises(InvalidOptionError, match="pairs are merged into one model; emr gives one a task"):
        pair_accuracies(zoo, ("emr",), cache=cache)
    with pytest.raises(InvalidOptionError, match="average twice"):
        pair_accuracies(zoo, ("average", "average"), cache=cache)
    with pytest.raises(ZooError, match="head"):
        pair_accuracies(dataclasses.replace(zoo, heads={}), ("average",), cache=cache)
