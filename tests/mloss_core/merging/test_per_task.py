"""Methods with one model a task through `merge`: what a result holds, and where one model is asked for."""

import dataclasses

import pytest
import torch

from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError, ZooError
from mloss_core.evaluation import evaluate
from mloss_core.merging import METHODS, merge, merge_state_dicts
from mloss_core.outputs import alignment
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.state_dicts import combine_digests, state_digest
from tests.mloss_core.merging.models import finetuned, pretrained, same
from tests.zoos import tiny_zoo

PER_TASK = tuple(name for name, method in METHODS.items() if method.output == "per_task")


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3)


def test_the_mask_methods_give_one_model_a_task():
    assert {"tall_mask", "magnitude_mask", "emr"} <= set(PER_TASK)


@pytest.mark.parametrize("method", PER_TASK)
def test_a_result_holds_one_model_for_each_of_its_tasks(zoo, method):
    result = merge(zoo, Recipe(method=method))
    assert list(result.per_task) == list(result.tasks) == list(zoo.tasks)
    assert result.name.startswith(METHODS[method].title) and result.name.endswith("(given the task)")
    assert {task: state_digest(result.per_task[task]) for task in zoo.tasks} == dict(result.task_digests)
    assert result.digest == combine_digests(result.task_digests) and len(set(result.task_digests.values())) == 3
    assert 0 < result.kept_fraction < 1 and result.seconds > 0
    assert set(result.inputs) == {"pretrained", *zoo.tasks}
    for task in zoo.tasks:
        assert list(result.per_task[task]) == list(zoo.pretrained.weights)


@pytest.mark.parametrize("method", PER_TASK)
def test_the_same_recipe_twice_gives_the_same_bits(zoo, method):
    first, second = (merge(zoo, Recipe(method=method)) for _ in range(2))
    assert first.digest == second.digest and first.task_digests == second.task_digests
    assert all(same(dict(first.per_task[task]), dict(second.per_task[task])) for task in zoo.tasks)


@pytest.mark.parametrize("method", PER_TASK)
def test_some_tasks_in_the_zoos_order(zoo, method):
    names = zoo.tasks
    result = merge(zoo, Recipe(method=method, tasks=(names[2], names[0])))
    assert tuple(result.per_task) == (names[0], names[2])


@pytest.mark.parametrize("method", PER_TASK)
def test_progress_rises_to_1(zoo, method):
    seen = []
    merge(zoo, Recipe(method=method), progress=lambda fraction, message="": seen.append(fraction))
    assert seen == sorted(seen) and seen[0] >= 0 and seen[-1] == 1.0


@pytest.mark.parametrize("method", PER_TASK)
def test_where_one_model_is_asked_for_it_is_refused(zoo, method, tmp_path):
    words = f"{method} gives one model for each task, where one model is asked for"
    with pytest.raises(InvalidOptionError, match=words):
        merge(zoo, Recipe(method=method), out=tmp_path / "merged.safetensors")
    assert not list(tmp_path.iterdir())
    with pytest.raises(InvalidOptionError, match=words):
        merge_state_dicts(pretrained(), finetuned(pretrained()), method)
    with pytest.raises(InvalidOptionError, match=r"one model for each of its tasks; take one .* per_task\['apples'\]"):
        merge(zoo, Recipe(method=method)).state_dict()


def test_every_task_is_evaluated_with_its_own_model(zoo, tmp_path):
    cache = Cache(tmp_path)
    result = merge(zoo, Recipe(method="tall_mask"))
    table = evaluate(zoo, [result, merge(zoo, Recipe(method="average"))], cache=cache).set_index("model")
    row = table.loc[result.name]
    assert row["kind"] == "per_task" and row["recipe"]["method"] == "tall_mask"
    for task in zoo.tasks:
        alone = evaluate(zoo, [("one", dict(result.per_task[task]))], cache=cache).set_index("model").loc["one"]
        assert row[task] == alone[task]
    few = merge(zoo, Recipe(method="tall_mask", tasks=zoo.tasks[:2]))
    with pytest.raises(ZooError, match="one model a task and none for clouds; evaluate it on apples, boats alone"):
        evaluate(zoo, [few], cache=cache)


def test_alignment_takes_each_tasks_own_model(zoo, tmp_path):
    cache, options = Cache(tmp_path), MLossOptions(samples_per_task=4)
    result = merge(zoo, Recipe(method="emr"))
    together = alignment(zoo, result, options=options, cache=cache)
    alone = alignment(zoo, dict(result.per_task["boats"]), options=options, cache=cache)
    assert together["tasks"]["boats"] == alone["tasks"]["boats"]
    # What knows only its weights need not say what they add up to.
    bare = dataclasses.replace(result, task_digests=None)
    assert alignment(zoo, bare, options=options, cache=cache) == together


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("method", PER_TASK)
def test_a_gpu_agrees_to_rounding(zoo, method):
    there, here = (merge(zoo, Recipe(method=method), device=device) for device in ("cuda:0", "cpu"))
    for task in zoo.tasks:
        for key, tensor in here.per_task[task].items():
            assert torch.allclose(there.per_task[task][key], tensor, rtol=1e-5, atol=1e-6)
