import dataclasses

import numpy as np
import pytest
import torch

from mloss_core import Recipe, merge
from mloss_core.caching import Cache
from mloss_core.data.unlabelled import UnlabelledDataset
from mloss_core.errors import DatasetError, UnknownNameError, ZooError
from mloss_core.evaluation import evaluate_rows, paired_difference
from mloss_core.evaluation.inspection import inspect_models, projected_features, reliability_curves
from mloss_core.evaluation.inspection.comparing import margins
from tests.field_files import picture
from tests.zoos import tiny_zoo

RECIPE = Recipe(method="task_arithmetic", options={"scale": 0.5})


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3, 16, 2, spread=1.0)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def test_right_and_wrong_are_those_of_the_table(zoo, cache):
    rows = {row.kind: row for row in evaluate_rows(zoo, [merge(zoo, RECIPE)], "val", cache=cache)}
    found = inspect_models(zoo, "boats", RECIPE, "ensemble", "val", cache=cache)
    assert np.array_equal(found.a.predicted == found.truth, rows["merged"].correct["boats"])
    assert np.array_equal(found.b.predicted == found.truth, rows["ensemble"].correct["boats"])
    assert found.a.key == rows["merged"].key and found.a.recipe == rows["merged"].recipe
    assert found.classes == zoo.datasets["boats"].classes and found.files == ()


def test_the_difference_is_the_paired_one(zoo, cache):
    result = merge(zoo, RECIPE)
    one = zoo.subset(("boats",))
    found = inspect_models(zoo, "boats", result, "individual", cache=cache)
    other = paired_difference(one, result, "individual", tasks=("boats",), cache=cache)
    assert found.difference.value == pytest.approx(other.difference)
    assert found.difference.standard_error == pytest.approx(other.standard_error)
    assert (found.counts["only_a"], found.counts["only_b"]) == other.discordant


def test_margins_are_positive_exactly_where_the_answer_is_right(zoo, cache):
    found = inspect_models(zoo, "clouds", "zero_shot", "ensemble", cache=cache)
    for side in (found.a, found.b):
        assert np.array_equal(side.margin > 0, side.predicted == found.truth)
        assert ((side.confidence >= 1 / 3) & (side.confidence <= 1)).all()


def test_hand_worked_margins():
    scores = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, 1.0]])
    assert margins(scores, torch.tensor([2, 1])).tolist() == [-1.0, 4.0]
    assert margins(scores, None).tolist() == [1.0, 4.0]
    odds = scores[0].softmax(0)
    assert margins(scores, torch.tensor([2, 1]))[0] == pytest.approx(torch.log(odds[2] / odds[0]).item())
    assert margins(torch.ones(2, 1), None).tolist() == [0.0, 0.0]


def test_the_ensemble_is_that_of_the_whole_zoo_for_a_merge_of_some(zoo, cache):
    few = inspect_models(zoo, "boats", RECIPE.replace(tasks=("apples", "boats")), "ensemble", cache=cache)
    all_of_them = inspect_models(zoo, "boats", RECIPE, "ensemble", cache=cache)
    assert np.array_equal(few.b.margin, all_of_them.b.margin)
    assert not np.array_equal(few.a.margin, all_of_them.a.margin)


def test_a_merge_with_one_model_a_task_answers_with_that_task_s(zoo, cache):
    recipe = Recipe(method="tall_mask")
    found = inspect_models(zoo, "boats", recipe, "individual", cache=cache)
    own = merge(zoo, recipe)
    direct = inspect_models(zoo, "boats", dict(own.per_task["boats"]), "individual", cache=cache)
    assert np.array_equal(found.a.margin, direct.a.margin) and found.a.kind == "per_task"


def test_a_few_images_are_those_that_a_limited_table_is_measured_on(zoo, cache):
    found = inspect_models(zoo, "boats", "zero_shot", "ensemble", limit=9, cache=cache)
    row = evaluate_rows(zoo.limited(9), cache=cache)[0]
    assert np.array_equal(found.a.predicted == found.truth, row.correct["boats"])
    assert len(found.index) == 9 and (np.diff(found.index) > 0).all() and found.index.max() < 40
    labels = zoo.datasets["boats"].labels("test").numpy()
    assert np.array_equal(labels[found.index], found.truth)


def test_images_without_labels_are_compared_by_the_answers(zoo, cache, tmp_path):
    for place in range(6):
        picture(tmp_path / "photos" / f"{place}.jpg", place)
    dataset = UnlabelledDataset("boats", tmp_path / "photos", zoo.architecture)
    blind = dataclasses.replace(zoo, datasets={"boats": dataset})
    found = inspect_models(blind, "boats", RECIPE, "ensemble", "train", cache=cache)
    assert not found.labelled and sum(found.counts.values()) == 6
    assert found.classes == tuple(f"class {number}" for number in range(4))
    assert found.files == tuple(f"{place}.jpg" for place in range(6))
    assert (found.a.margin >= 0).all()
    few = inspect_models(blind, "boats", RECIPE, "ensemble", "train", limit=4, cache=cache)
    assert [found.files[place] for place in few.index] == list(few.files) and len(few.index) == 4
    with pytest.raises(DatasetError, match="the test split of boats is empty"):
        inspect_models(blind, "boats", RECIPE, "ensemble", cache=cache)


def test_what_is_missing_is_said(zoo, cache):
    with pytest.raises(UnknownNameError, match="unknown task 'cats'"):
        inspect_models(zoo, "cats", "zero_shot", cache=cache)
    with pytest.raises(UnknownNameError, match="unknown baseline 'ensembel': did you mean 'ensemble'"):
        inspect_models(zoo, "boats", "ensembel", cache=cache)
    with pytest.raises(ZooError, match="no zero-shot head for boats"):
        inspect_models(dataclasses.replace(zoo, heads={}), "boats", "zero_shot", cache=cache)
    with pytest.raises(ZooError, match="no dataset for boats"):
        inspect_models(dataclasses.replace(zoo, datasets={}), "boats", "zero_shot", cache=cache)
    short = {**zoo.heads, "boats": zoo.heads["boats"][:2]}
    for look in (inspect_models, reliability_curves, projected_features):
        models = "zero_shot" if look is inspect_models else ["zero_shot"]
        with pytest.raises(DatasetError, match="are of 4 classes and the head of boats in tiny has 2 rows"):
            look(dataclasses.replace(zoo, heads=short), "boats", models, cache=cache)


def test_a_limit_changes_no_merge(zoo, cache, tmp_path, monkeypatch):
    """A method that looks at training images looks at the same ones, whatever few are inspected."""
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path))
    recipe = Recipe(method="regmean")
    few = inspect_models(zoo, "boats", recipe, "ensemble", "train", limit=5)
    all_of_them = inspect_models(zoo, "boats", merge(zoo, recipe), "ensemble", "train")
    assert np.array_equal(few.a.margin, all_of_them.a.margin[few.index])
