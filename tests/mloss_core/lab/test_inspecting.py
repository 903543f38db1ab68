"""The jobs of the Inspect page on a tiny zoo."""

import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from mloss_core import Recipe
from mloss_core.caching import THUMBNAILS, Cache
from mloss_core.data.unlabelled import UnlabelledDataset
from mloss_core.errors import DatasetError, InvalidOptionError, ZooError
from mloss_core.evaluation.inspection import BlockSimilarity, Inspection, Projection, Reliability
from mloss_core.lab.job_types import JOB_TYPES
from mloss_core.lab.requests import plugin_of
from mloss_core.lab.usecases.inspecting import SIDE
from mloss_core.types import silent
from tests.zoos import tiny_zoo

RECIPE = Recipe(method="average").to_dict()
MODELS = ["zero_shot", "individual", RECIPE, "ensemble"]


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3, 16, 2, spread=0.5)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path))


def run(zoo, kind, **params):
    payload = JOB_TYPES[kind].load()(zoo, {"zoo": "tiny", "task": "boats", "split": "val", **params}, silent)
    json.dumps(payload.meta, allow_nan=False)
    return payload


def test_answers(zoo):
    payload = run(zoo, "inspect", a=RECIPE, b="ensemble", limit=7)
    found = Inspection.from_entry(payload.meta, payload.arrays)
    assert sum(found.counts.values()) == 7 and found.a.recipe == RECIPE and found.b.key == "ensemble"


def test_calibration_features_and_blocks(zoo):
    curves = [Reliability.from_dict(one) for one in run(zoo, "inspect_calibration", models=MODELS).meta["curves"]]
    assert [curve.kind for curve in curves] == ["zero_shot", "individual", "merged", "ensemble"]
    features = run(zoo, "inspect_features", models=MODELS, limit=9)
    assert Projection.from_entry(features.meta, features.arrays).points.shape == (4, 9, 2)
    blocks = run(zoo, "inspect_blocks", models=MODELS, images=12)
    found = BlockSimilarity.from_entry(blocks.meta, blocks.arrays)
    assert [one["kind"] for one in found.models] == ["zero_shot", "merged"] and found.images == 12


def test_pictures_are_small_and_kept_one_by_one(zoo, tmp_path):
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (300, 500, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    shape = dataclasses.replace(zoo.architecture, patch=100)
    blind = dataclasses.replace(zoo, datasets={"boats": UnlabelledDataset("boats", tmp_path, shape)})
    payload = run(blind, "pictures", split="train", indices=[2, 0])
    assert payload.arrays["pixels"].shape == (2, SIDE, SIDE, 3) and payload.arrays["pixels"].dtype == np.uint8
    assert len(list(Cache().files(THUMBNAILS))) == 2
    both = run(blind, "pictures", split="train", indices=[0, 1]).arrays["pixels"]
    assert np.array_equal(both[0], payload.arrays["pixels"][1]) and len(list(Cache().files(THUMBNAILS))) == 3


def test_a_small_image_stays_as_it_is(zoo):
    pixels = run(zoo, "pictures", indices=[3]).arrays["pixels"]
    assert np.array_equal(pixels, zoo.datasets["boats"].pixels("val", [3]))


def test_pictures_that_do_not_exist(zoo):
    for count in (0, 65):
        with pytest.raises(InvalidOptionError, match=f"must be 1 to 64 whole numbers; found {count}"):
            run(zoo, "pictures", indices=list(range(count)))
    with pytest.raises(DatasetError, match="val split of boats has images 0 to 19; found 20"):
        run(zoo, "pictures", indices=[0, 20])
    with pytest.raises(ZooError, match="has no dataset for boats"):
        run(dataclasses.replace(zoo, datasets={}), "pictures", indices=[0])


def test_a_plugin_in_any_model_makes_another_request(monkeypatch):
    digests = {"mine": "1", "other": "2"}
    monkeypatch.setattr("mloss_core.lab.requests.plugin_digest", digests.get)
    mine, other, plain = ({"method": name} for name in ("mine", "other", "ties"))
    assert plugin_of({"recipe": mine}) == plugin_of({"a": plain, "b": mine}) == "1"
    assert plugin_of({"models": ["ensemble", plain]}) is None
    assert plugin_of({"a": mine, "b": other}) not in (None, "1", "2")
