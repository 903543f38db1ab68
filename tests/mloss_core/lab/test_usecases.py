"""Each type of job on a tiny zoo: the payload has what pages and the command line read."""

import dataclasses
import json
import os

import numpy as np
import pytest

from mloss_core import MLossOptions, Recipe
from mloss_core.errors import CacheError, DatasetError, InvalidOptionError, UnknownNameError, ZooError
from mloss_core.evaluation.criteria import LABEL_FREE
from mloss_core.lab.job_types import JOB_TYPES
from mloss_core.types import silent
from tests.label_free import without_classes, without_labels
from tests.zoos import tiny_zoo

MLOSS = MLossOptions(samples_per_task=4).to_dict()


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3)


def _run(zoo, kind, **params):
    payload = JOB_TYPES[kind].load()(zoo, {"zoo": "tiny", **params}, silent)
    json.dumps(payload.meta, allow_nan=False)
    assert all(isinstance(array, np.ndarray) for array in payload.arrays.values())
    return payload


def test_measure(zoo):
    payload = _run(zoo, "measure", mloss=MLOSS)
    assert payload.arrays["node/blocks.0.mlp.c_fc"].shape == (64,)
    assert payload.meta["zoo"]["name"] == "tiny"
    with pytest.raises(InvalidOptionError, match="at least two models"):
        _run(zoo, "measure", mloss=MLOSS, tasks=["boats"])


def test_node(zoo):
    payload = _run(zoo, "node", mloss=MLOSS, block=1, node=2)
    assert payload.arrays["pixels"].shape == (6, 16, 16, 3) and len(payload.meta["top"]) == 6


def test_samples(zoo):
    payload = _run(zoo, "samples", task="boats", split="val", indices=[0, 1])
    assert payload.meta["classes"] == ["boats 0", "boats 1"] and payload.arrays["pixels"].dtype == np.uint8
    for count in (0, 65):
        with pytest.raises(InvalidOptionError, match=f"must be 1 to 64 whole numbers; found {count}"):
            _run(zoo, "samples", task="boats", split="val", indices=list(range(count)))
    for index in (-1, 20):
        with pytest.raises(DatasetError, match=f"val split of boats has images 0 to 19; found {index}"):
            _run(zoo, "samples", task="boats", split="val", indices=[0, index])
    with pytest.raises(UnknownNameError, match="unknown task 'cats'"):
        _run(zoo, "samples", task="cats", split="val", indices=[0])
    with pytest.raises(ZooError, match="has no dataset for boats"):
        _run(dataclasses.replace(zoo, datasets={}), "samples", task="boats", split="val", indices=[0])


def test_pairs(zoo):
    payload = _run(zoo, "pairs", mloss=MLOSS)
    assert len(payload.meta["pairs"]) == 3 and len(payload.meta["blocks"]) == 12
    assert payload.meta["pairs"][0]["task_vector_cosine_similarity"] is not None
    with pytest.raises(ZooError, match="two models"):
        _run(zoo, "pairs", mloss=MLOSS, tasks=["boats"])


def test_baselines_and_recipe(zoo):
    rows = _run(zoo, "baselines", split="val").meta["rows"]
    assert [row["kind"] for row in rows] == ["zero_shot", "ensemble", "ensemble", "individual"]
    recipe = Recipe(method="m_ties", options={"keep_rate": 0.8, "span": 0.1}, mloss=MLossOptions(samples_per_task=4))
    payload = _run(zoo, "recipe", recipe=recipe.to_dict(), split="val")
    assert payload.meta["row"]["kind"] == "merged" and 0 < payload.meta["kept_fraction"] < 1
    assert payload.meta["alignment"]["images"] > 0 and len(payload.arrays) == 3
    assert payload.meta["row"]["tasks"].keys() == payload.meta["row"]["counts"].keys()
    assert [row["expert_agreement"] for row in rows][-1] == 1 and 0 < payload.meta["row"]["expert_agreement"] < 1


def test_baselines_and_recipe_of_images_without_labels(zoo):
    unlabelled = without_classes(zoo)
    rows = _run(unlabelled, "baselines", split="test").meta["rows"]
    assert [row["key"] for row in rows] == ["zero_shot", "ensemble_features", "ensemble", "individual"]
    row = _run(unlabelled, "recipe", recipe=Recipe(method="average").to_dict(), split="test").meta["row"]
    assert row["average"] is None and row["tasks"] == {} and set(row["criteria"]) == set(LABEL_FREE)


def test_merged_file(zoo):
    payload = _run(zoo, "merged_file", recipe=Recipe(method="average").to_dict())
    from mloss_core.checkpoints import open_checkpoint

    with open_checkpoint(payload.meta["path"]) as weights:
        assert weights.digest == payload.meta["digest"] and set(weights) == set(zoo.pretrained.weights)


def test_merged_files_that_killed_writers_left_are_swept(zoo, monkeypatch, tmp_path):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path))
    (tmp_path / "merged").mkdir()
    old, new = tmp_path / "merged" / ".old.1-2.part", tmp_path / "merged" / ".new.1-2.part"
    old.touch()
    new.touch()
    os.utime(old, (1, 1))
    _run(zoo, "merged_file", recipe=Recipe(method="average").to_dict())
    assert new.exists() and not old.exists()


def test_a_merged_file_that_cannot_be_written_is_one_sentence(zoo, monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path / "file"))
    with pytest.raises(CacheError, match="cannot write"):
        _run(zoo, "merged_file", recipe=Recipe(method="average").to_dict())


def test_tune_without_labels(zoo):
    chosen = {"choose_by": "expert_kl", "images": 4, "source": "val"}
    payload = _run(without_labels(zoo), "tune", recipe={"method": "task_arithmetic"}, **chosen)
    assert (payload.meta["metric"], payload.meta["split"], payload.meta["images_per_task"]) == ("expert_kl", "val", 4)


def test_tune(zoo):
    payload = _run(zoo, "tune", recipe={"method": "task_arithmetic"})
    scales = [point["scale"] for point in payload.meta["curve"]]
    assert payload.meta["scale"] in scales and scales == sorted(scales) and payload.meta["split"] == "val"
    assert payload.meta["recipe"]["options"] == {"scale": payload.meta["scale"]}
