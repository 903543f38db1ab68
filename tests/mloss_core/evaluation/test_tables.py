import dataclasses
import json

import numpy as np
import pytest
import torch

from mloss_core import evaluate
from mloss_core.caching import Cache
from mloss_core.data.datasets import SPLITS
from mloss_core.errors import DatasetError, JobCancelledError, UnknownNameError, ZooError
from mloss_core.evaluation import as_contender, evaluate_rows, evaluate_weights
from mloss_core.recipe import Recipe
from mloss_core.state_dicts import average, state_digest
from tests.zoos import tiny_zoo

TASKS = ("apples", "boats", "clouds")


@pytest.fixture(scope="module")
def zoo():
    """Three models so far apart that they disagree about many images."""
    return tiny_zoo(tasks=3, layers=2, spread=1.0)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


@dataclasses.dataclass(frozen=True)
class Result:
    """As much of a merge result as evaluation uses."""

    name: str
    weights: dict
    recipe: Recipe
    per_task: dict | None = None

    def state_dict(self, scale=None):
        return self.weights

    @property
    def digest(self):
        return state_digest(self.weights)


@pytest.fixture(scope="module")
def merged(zoo):
    weights = average([source.weights for source in zoo.sources()])
    return Result("Simple Average", weights, Recipe(method="average"))


@pytest.fixture(scope="module")
def table(zoo, merged, cache):
    return evaluate(zoo, [merged, ("by hand", dict(zoo.finetuned["boats"].weights))], cache=cache)


def answers(zoo, weights, task, split="test"):
    """Features by a plain loop, one image at a time."""
    tower, dataset = zoo.tower(weights), zoo.datasets[task]
    with torch.inference_mode():
        return torch.cat([tower(dataset.images(split, [index])) for index in range(dataset.size(split))])


def plain_accuracy(zoo, features, task, split="test"):
    features = features / features.norm(dim=1, keepdim=True)
    predicted = (features @ zoo.heads[task].T).argmax(dim=1)
    return (predicted == zoo.datasets[task].labels(split)).double().mean().item()


def test_rows_and_columns_are_in_the_documented_order(table):
    assert list(table.columns) == [
        "model",
        "kind",
        "recipe",
        *TASKS,
        "average",
        "standard_error",
        "normalised",
        "variance",
        "worst",
    ]
    assert list(zip(table["model"], table["kind"], strict=True)) == [
        ("Zero-shot", "zero_shot"),
        ("Simple Average", "merged"),
        ("by hand", "merged"),
        ("Ensemble (features)", "ensemble"),
        ("Ensemble", "ensemble"),
        ("Individual", "individual"),
    ]
    recipes = table["recipe"].tolist()
    assert recipes[1] == Recipe(method="average").to_dict()
    assert [recipe is None for recipe in recipes] == [True, False, True, True, True, True]


def test_accuracies_are_those_of_a_plain_loop(zoo, merged, table):
    rows = table.set_index("model")
    for task in TASKS:
        each = [answers(zoo, source.weights, task) for source in zoo.sources()]
        unit = [found / found.norm(dim=1, keepdim=True) for found in each]
        expected = {
            "Zero-shot": answers(zoo, zoo.pretrained.weights, task),
            "Simple Average": answers(zoo, merged.weights, task),
            "by hand": answers(zoo, zoo.finetuned["boats"].weights, task),
            "Ensemble (features)": sum(each) / 3,
            "Ensemble": sum(unit) / 3,
            "Individual": answers(zoo, zoo.finetuned[task].weights, task),
        }
        for model, found in expected.items():
            assert rows.loc[model, task] == pytest.approx(plain_accuracy(zoo, found, task)), (model, task)
    assert table[list(TASKS)].nunique().min() > 2, "rows that all agree would show nothing"


def test_numbers_follow_from_the_accuracies(table):
    accuracy = table[list(TASKS)].to_numpy()
    np.testing.assert_allclose(table["average"], accuracy.mean(axis=1))
    np.testing.assert_allclose(table["variance"], accuracy.var(axis=1))
    np.testing.assert_allclose(table["worst"], accuracy.min(axis=1))
    np.testing.assert_allclose(table["normalised"], (accuracy / accuracy[-1]).mean(axis=1))
    np.testing.assert_allclose(table["standard_error"], np.sqrt((accuracy * (1 - accuracy) / 40).sum(axis=1)) / 3)


def test_attrs_say_what_was_evaluated(zoo, table):
    assert table.attrs["zoo"] == {"name": "tiny", "digest": zoo.digest}
    assert table.attrs["split"] == "test" and table.attrs["tasks"] == list(TASKS)
    assert table.attrs["counts"] == dict.fromkeys(TASKS, 40)
    assert table.attrs["seconds"] > 0
    json.dumps(table.attrs)


def test_validation_is_another_split(zoo, cache):
    table = evaluate(zoo, split="val", cache=cache)
    assert table.attrs["counts"] == dict.fromkeys(TASKS, 20)
    found = answers(zoo, zoo.pretrained.weights, "clouds", "val")
    assert table.set_index("model").loc["Zero-shot", "clouds"] == plain_accuracy(zoo, found, "clouds", "val")


def test_a_choice_of_tasks_is_a_smaller_zoo(zoo, cache):
    table = evaluate(zoo, tasks=["clouds", "apples"], cache=cache)
    assert [column for column in table if column in TASKS] == ["apples", "clouds"]
    each = [answers(zoo, zoo.finetuned[task].weights, "clouds") for task in ("apples", "clouds")]
    mean = sum(found / found.norm(dim=1, keepdim=True) for found in each) / 2
    assert table.set_index("model").loc["Ensemble", "clouds"] == plain_accuracy(zoo, mean, "clouds")


def test_the_ensemble_of_one_model_is_that_model(zoo, cache):
    table = evaluate(zoo, tasks=["boats"], cache=cache).set_index("model")
    for model in ("Ensemble", "Ensemble (features)"):
        assert table.loc[model, "boats"] == table.loc["Individual", "boats"]


def test_a_second_evaluation_runs_no_encoder(zoo, merged, cache, monkeypatch):
    first = evaluate(zoo, [merged], cache=cache)
    monkeypatch.setattr("mloss_core.outputs.encoding.running_tower", lambda *args: pytest.fail("ran again"))
    second = evaluate(zoo, [merged], cache=cache)
    assert second.drop(columns="recipe").equals(first.drop(columns="recipe"))


def test_evaluate_weights_is_one_row_of_the_table(zoo, merged, table, cache):
    found = evaluate_weights(zoo, merged, cache=cache)
    expected = table[table["model"] == "Simple Average"].iloc[0]
    assert found.accuracy == {task: expected[task] for task in TASKS}
    assert found.numbers() == {name: expected[name] for name in found.numbers()}
    assert found.recipe == expected["recipe"]
    plain = evaluate_weights(zoo, merged.weights, name="file.safetensors", digest=merged.digest, cache=cache)
    assert plain.model == "file.safetensors" and plain.recipe is None and plain.accuracy == found.accuracy


def test_one_model_a_task_answers_on_its_own_task(zoo, table, cache):
    own = {task: zoo.finetuned[task].weights for task in TASKS}
    result = Result("Masks", {}, Recipe(method="average"), per_task=own)
    found = evaluate_weights(zoo, result, cache=cache)
    assert found.kind == "per_task" and found.model == "Masks"
    individual = table.set_index("model").loc["Individual"]
    assert found.accuracy == {task: individual[task] for task in TASKS}
    fewer = dataclasses.replace(result, per_task={"boats": own["boats"]})
    with pytest.raises(ZooError, match="Masks has one model a task and none for apples, clouds; evaluate it on boats"):
        evaluate_weights(zoo, fewer, cache=cache)


def test_rows_keep_the_single_answers(zoo, cache):
    rows = evaluate_rows(zoo, cache=cache)
    assert [row.kind for row in rows] == ["zero_shot", "ensemble", "ensemble", "individual"]
    for row in rows:
        assert all(right.shape == (40,) and right.dtype == bool for right in row.correct.values())


@pytest.mark.parametrize("split", ["dev", "", "Test"])
def test_an_unknown_split_is_refused(zoo, cache, split):
    with pytest.raises(DatasetError, match="a split is one of train, val, test"):
        evaluate(zoo, split=split, cache=cache)
    assert split not in SPLITS


def test_what_the_zoo_lacks_is_named_before_anything_runs(zoo, cache, monkeypatch):
    monkeypatch.setattr("mloss_core.outputs.encoding.running_tower", lambda *args: pytest.fail("ran"))
    without_head = dataclasses.replace(zoo, heads={"apples": zoo.heads["apples"]})
    with pytest.raises(ZooError, match="no zero-shot head for boats"):
        evaluate(without_head, split="train", cache=cache)
    without_data = dataclasses.replace(zoo, datasets={"apples": zoo.datasets["apples"]})
    with pytest.raises(ZooError, match="no dataset for boats"):
        evaluate(without_data, split="train", cache=cache)
    with pytest.raises(UnknownNameError, match="unknown task 'boat': did you mean 'boats'"):
        evaluate(zoo, tasks=["boat"], cache=cache)


def test_an_empty_split_is_an_error(tmp_path):
    empty = tiny_zoo(tasks=1, layers=1, images=1)
    with pytest.raises(DatasetError, match="the val split of apples is empty"):
        evaluate(empty, split="val", cache=Cache(tmp_path))


def test_an_unknown_baseline_is_named(zoo):
    with pytest.raises(UnknownNameError, match="unknown baseline 'ensembles': did you mean 'ensemble'"):
        as_contender(zoo, "ensembles")


def test_progress_rises_to_one_and_may_cancel(zoo, tmp_path):
    for _ in ("computed", "from the cache"):
        seen = []
        evaluate(zoo, cache=Cache(tmp_path), progress=lambda fraction, message="", seen=seen: seen.append(fraction))
        assert seen == sorted(seen) and seen[-1] == 1

    def cancel(fraction, message=""):
        raise JobCancelledError("stopped")

    with pytest.raises(JobCancelledError):
        evaluate(zoo, split="train", cache=Cache(tmp_path), progress=cancel)
