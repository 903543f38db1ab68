import numpy as np
import pytest

from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.inspection import inspect_models, projected_features
from mloss_core.evaluation.inspection.projection import Projection
from mloss_core.outputs.encoding import features
from tests.zoos import tiny_zoo

MODELS = ["zero_shot", "individual", "ensemble"]


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(2, 16, 2, spread=1.0)


def test_the_plane_holds_most_of_what_differs(zoo, tmp_path):
    cache = Cache(tmp_path)
    found = projected_features(zoo, "boats", MODELS, cache=cache)
    encoders = [zoo.pretrained, zoo.finetuned["boats"]]
    seen = [features(zoo, one, "boats", "test", cache=cache).numpy() for one in encoders]
    unit = [one / np.linalg.norm(one, axis=1, keepdims=True) for one in seen]
    sources = [features(zoo, one, "boats", "test", cache=cache).numpy() for one in zoo.sources()]
    unit.append(np.mean([one / np.linalg.norm(one, axis=1, keepdims=True) for one in sources], axis=0))
    stacked = np.concatenate(unit)
    centred = stacked - stacked.mean(0)
    axes = np.linalg.svd(centred, full_matrices=False)[2][:2]
    dense = (centred @ axes.T).reshape(3, 40, 2)
    assert np.allclose(np.abs(found.points), np.abs(dense), atol=1e-4)
    assert [one["key"] for one in found.models] == MODELS and found.images == 40
    assert all(0 < share <= 1 for share in found.explained)


def test_points_know_their_images_and_answers(zoo, tmp_path):
    cache = Cache(tmp_path)
    found = projected_features(zoo, "boats", MODELS, "val", limit=9, cache=cache)
    other = inspect_models(zoo, "boats", "zero_shot", "ensemble", "val", limit=9, cache=cache)
    assert np.array_equal(found.truth, other.truth[found.image])
    assert np.array_equal(found.predicted[0], other.a.predicted[found.image])
    assert np.array_equal(found.predicted[2], other.b.predicted[found.image])
    again = Projection.from_entry(*found.to_entry())
    assert np.array_equal(again.points, found.points) and again.explained == found.explained


def test_many_images_are_shown_by_some(zoo, tmp_path, monkeypatch):
    monkeypatch.setattr("mloss_core.evaluation.inspection.projection.MOST", 12)
    found = projected_features(zoo, "boats", MODELS, cache=Cache(tmp_path))
    assert found.points.shape == (3, 12, 2) and found.images == 40 and (np.diff(found.image) > 0).all()


def test_one_image_and_no_model(zoo, tmp_path):
    cache = Cache(tmp_path)
    assert projected_features(zoo, "boats", MODELS, limit=1, cache=cache).points.shape == (3, 1, 2)
    assert projected_features(zoo, "boats", ["zero_shot"], limit=1, cache=cache).points.tolist() == [[[0, 0]]]
    with pytest.raises(InvalidOptionError, match="at least one model; found none"):
        projected_features(zoo, "boats", [], cache=cache)
