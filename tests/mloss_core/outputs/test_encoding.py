import dataclasses

import pytest
import torch

from mloss_core.caching import Cache
from mloss_core.errors import CheckpointError, DatasetError, IncompatibleStateDictsError, JobCancelledError, ZooError
from mloss_core.outputs import encoders as encoders_module
from mloss_core.outputs import features, features_of_many
from mloss_core.outputs import images as images_module
from mloss_core.outputs.encoders import as_encoder, head_of, running_tower
from mloss_core.outputs.encoding import batch_size
from mloss_core.outputs.images import ImageStore
from mloss_core.state_dicts import state_digest
from mloss_core.zoo.model import Zoo
from tests.zoos import tiny_zoo


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(tasks=3, layers=2)


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


class Counting:
    """A dataset that counts what is drawn from it."""

    def __init__(self, dataset):
        self._dataset, self.drawn = dataset, 0
        self.digest = dataset.digest + "counted"

    def __getattr__(self, name):
        return getattr(self._dataset, name)

    def images(self, split, indices, preprocess="model"):
        self.drawn += len(indices)
        return self._dataset.images(split, indices, preprocess)


def counting_zoo(zoo):
    dataset = Counting(zoo.datasets["boats"])
    return dataclasses.replace(zoo, datasets={**zoo.datasets, "boats": dataset}), dataset


def test_features_are_the_tower_on_the_images_in_order(zoo, cache):
    found = features(zoo, zoo.finetuned["boats"], "boats", "test", cache=cache)
    with torch.inference_mode():
        expected = zoo.tower(zoo.finetuned["boats"].weights)(zoo.datasets["boats"].images("test", range(40)))
    assert found.dtype == torch.float32 and found.shape == (40, 8)
    torch.testing.assert_close(found, expected)


def test_features_are_ordinary_tensors(zoo, cache):
    for _ in range(2):
        found = features(zoo, zoo.pretrained, "boats", "val", cache=cache)
        assert not found.is_inference() and found.device.type == "cpu"


def test_the_second_time_they_come_from_the_cache(zoo, cache, monkeypatch):
    first = features(zoo, zoo.pretrained, "boats", "test", cache=cache)
    encoders_module._towers.clear()
    monkeypatch.setattr(Zoo, "tower", lambda self, weights: pytest.fail("ran again"))
    torch.testing.assert_close(features(zoo, zoo.pretrained, "boats", "test", cache=cache), first, rtol=0, atol=0)
    assert "features" in cache.sizes()


def test_what_the_features_depend_on_is_in_the_key(zoo, cache):
    others = [
        (zoo, zoo.finetuned["boats"], "boats", "test"),
        (zoo, zoo.pretrained, "clouds", "test"),
        (zoo, zoo.pretrained, "boats", "val"),
        (
            dataclasses.replace(zoo, architecture=dataclasses.replace(zoo.architecture, activation="quick_gelu")),
            zoo.pretrained,
            "boats",
            "test",
        ),
    ]
    base = features(zoo, zoo.pretrained, "boats", "test", cache=cache)
    for count, other in enumerate(others, start=2):
        found = features(*other, cache=cache)
        assert len(list(cache.files("features"))) == count
        assert found.shape != base.shape or not torch.equal(found, base)


def test_the_same_content_under_another_name_is_not_computed_again(zoo, cache):
    encoder = zoo.finetuned["boats"]
    features(zoo, encoder, "boats", "test", cache=cache)
    features(zoo, dict(encoder.weights), "boats", "test", cache=cache)
    features(zoo, dict(encoder.weights), "boats", "test", digest=encoder.digest, cache=cache)
    assert len(list(cache.files("features"))) == 1


def test_many_encoders_share_one_pass_over_the_images(zoo, cache, monkeypatch):
    monkeypatch.setattr(images_module.STORE, "limit", 0)
    counted, dataset = counting_zoo(zoo)
    everyone = [zoo.pretrained, *zoo.sources(), zoo.pretrained]
    found = features_of_many(counted, everyone, "boats", "test", cache=cache)
    assert dataset.drawn == 40
    assert len(found) == 5 and torch.equal(found[0], found[4])
    for encoder, mine in zip(everyone, found, strict=True):
        torch.testing.assert_close(mine, features(zoo, encoder, "boats", "test", cache=cache), rtol=0, atol=0)
    features_of_many(counted, everyone, "boats", "test", cache=cache)
    assert dataset.drawn == 40


def test_only_the_missing_encoders_run(zoo, cache, monkeypatch):
    counted, _ = counting_zoo(zoo)
    features(counted, zoo.pretrained, "boats", "test", cache=cache)
    ran = []
    monkeypatch.setattr(
        "mloss_core.outputs.encoding.running_tower",
        lambda zoo, encoder: ran.append(encoder.name) or zoo.tower(encoder.weights),
    )
    features_of_many(counted, [zoo.pretrained, zoo.finetuned["boats"]], "boats", "test", cache=cache)
    assert ran == ["boats"]


def test_towers_beyond_the_memory_bound_take_turns(zoo, tmp_path, monkeypatch):
    everyone = [zoo.pretrained, *zoo.sources()]
    together = features_of_many(zoo, everyone, "boats", "test", cache=Cache(tmp_path / "a"))
    monkeypatch.setattr("mloss_core.outputs.encoding.TOWER_BYTES", 1)
    monkeypatch.setattr(encoders_module, "TOWER_BYTES", 1)
    encoders_module._towers.clear()
    in_turn = features_of_many(zoo, everyone, "boats", "test", cache=Cache(tmp_path / "b"))
    for a, b in zip(together, in_turn, strict=True):
        torch.testing.assert_close(a, b, rtol=0, atol=0)
    assert len(encoders_module._towers) == 1


def test_a_tower_is_built_once(zoo):
    assert running_tower(zoo, zoo.pretrained) is running_tower(zoo, zoo.pretrained)


def test_images_stay_in_memory_while_there_is_room(zoo):
    boats, clouds = Counting(zoo.datasets["boats"]), Counting(zoo.datasets["clouds"])
    one_split = 40 * 3 * 16 * 16 * 4
    store = ImageStore(limit=one_split)
    for _ in range(3):
        batches = list(store.batches(boats, "test", 16))
        assert [len(batch) for batch in batches] == [16, 16, 8]
        torch.testing.assert_close(torch.cat(batches), zoo.datasets["boats"].images("test", range(40)))
    assert boats.drawn == 40
    list(store.batches(clouds, "test", 16))
    list(store.batches(boats, "test", 16))
    assert clouds.drawn == 40 and boats.drawn == 80


def test_a_split_too_large_to_keep_is_drawn_each_time(zoo):
    boats, store = Counting(zoo.datasets["boats"]), ImageStore(limit=100)
    list(store.batches(boats, "test", 16))
    list(store.batches(boats, "test", 16))
    assert boats.drawn == 80


def test_the_next_process_finds_the_images_in_the_cache(zoo, cache):
    boats, expected = Counting(zoo.datasets["boats"]), zoo.datasets["boats"].images("test", range(40))
    for _ in range(2):
        found = torch.cat(list(ImageStore().batches(boats, "test", 16, cache)))
        torch.testing.assert_close(found, expected, rtol=0, atol=0)
    assert boats.drawn == 40 and set(cache.sizes()) == {"images"}
    list(ImageStore(disk_limit=100).batches(boats, "val", 16, cache))
    assert len(list(cache.files())) == 1


def test_a_pass_that_is_broken_off_keeps_no_half_split(zoo):
    boats, store = Counting(zoo.datasets["boats"]), ImageStore()
    next(iter(store.batches(boats, "test", 16)))
    assert len(torch.cat(list(store.batches(boats, "test", 16)))) == 40


def test_cancelling_stops_between_batches(zoo, cache):
    def cancel(fraction, message=""):
        raise JobCancelledError("stopped")

    with pytest.raises(JobCancelledError):
        features(zoo, zoo.pretrained, "boats", "test", progress=cancel, cache=cache)
    assert list(cache.files("features")) == []


def test_progress_runs_from_zero_to_one(zoo, cache):
    seen = []
    features(zoo, zoo.pretrained, "boats", "test", cache=cache, progress=lambda f, m="": seen.append((f, m)))
    fractions = [fraction for fraction, _ in seen]
    assert fractions == sorted(fractions) and fractions[0] == 0 and fractions[-1] == 1
    assert seen[0][1] == "encoding the test images of boats"


def test_a_cache_that_cannot_be_written_costs_no_result(zoo, tmp_path):
    (tmp_path / "file").write_text("")
    found = features(zoo, zoo.pretrained, "boats", "test", cache=Cache(tmp_path / "file"))
    assert found.shape == (40, 8)


def test_what_is_missing_is_named(zoo, cache):
    bare = dataclasses.replace(zoo, datasets={}, heads={"boats": torch.zeros(3, 5)})
    with pytest.raises(ZooError, match="zoo tiny has no dataset for boats"):
        features(bare, zoo.pretrained, "boats", "test", cache=cache)
    with pytest.raises(ZooError, match="no zero-shot head for clouds"):
        head_of(bare, "clouds")
    with pytest.raises(ZooError, match=r"head of boats must be \(class, 8\).*\(3, 5\)"):
        head_of(bare, "boats")
    with pytest.raises(DatasetError, match="a split is one of train, val, test; found 'dev'"):
        features(zoo, zoo.pretrained, "boats", "dev", cache=cache)


def test_an_empty_split_is_an_error(cache):
    empty = tiny_zoo(tasks=1, layers=1, images=1)
    with pytest.raises(DatasetError, match="the val split of apples is empty"):
        features(empty, empty.pretrained, "apples", "val", cache=cache)


def test_weights_of_another_shape_are_named(zoo, cache):
    weights = dict(zoo.pretrained.weights)
    weights["proj"] = torch.zeros(3, 3)
    with pytest.raises(IncompatibleStateDictsError, match=r"weights: proj is \(3, 3\)"):
        features(zoo, weights, "boats", "test", cache=cache)


def test_features_that_are_not_finite_are_no_result(zoo, cache):
    weights = {key: 1e30 * value for key, value in zoo.pretrained.weights.items()}
    with pytest.raises(CheckpointError, match="features of weights must be finite; on the test images of boats"):
        features(zoo, weights, "boats", "test", cache=cache)
    assert list(cache.files("features")) == []


def test_as_encoder_takes_results_and_state_dicts(zoo):
    class Result:
        name, digest, recipe = "M-TIES", "d" * 64, None

        def state_dict(self, scale=None):
            return zoo.pretrained.weights

    assert as_encoder(zoo.pretrained) is zoo.pretrained
    assert (as_encoder(Result()).name, as_encoder(Result()).digest) == ("M-TIES", "d" * 64)
    assert as_encoder(Result(), "mine").name == "mine"
    plain = as_encoder(dict(zoo.pretrained.weights))
    assert plain.name == "weights" and plain.digest == state_digest(zoo.pretrained.weights)


def test_batches_shrink_for_large_towers(zoo):
    assert batch_size(zoo) == 128
    assert batch_size(dataclasses.replace(zoo, device=torch.device("cuda"))) == 256
    large = dataclasses.replace(zoo.architecture, width=1024, mlp_width=4096, grid=16)
    assert batch_size(dataclasses.replace(zoo, architecture=large)) == 31
