import numpy as np
import pytest
import torch

from mloss_core.data.subset import DatasetSubset, limited_dataset, origin
from mloss_core.errors import InvalidOptionError
from tests.zoos import tiny_zoo


@pytest.fixture(scope="module")
def whole():
    return tiny_zoo(2).datasets["boats"]


def test_a_subset_shows_the_same_images_with_their_labels(whole):
    few = DatasetSubset(whole, 3)
    assert [few.size(split) for split in ("train", "val", "test")] == [whole.size("train"), 3, 3]
    every = whole.images("test", range(whole.size("test")))
    for place, image in enumerate(few.images("test", range(3))):
        home = [i for i, other in enumerate(every) if torch.equal(image, other)]
        assert len(home) == 1
        assert few.labels("test")[place] == whole.labels("test")[home[0]]


def test_training_images_stay_so_that_calibration_is_the_same(whole):
    few = DatasetSubset(whole, 1)
    assert torch.equal(few.images("train", [0, 2]), whole.images("train", [0, 2]))
    assert torch.equal(few.labels("train"), whole.labels("train"))


def test_a_subset_of_everything_is_the_whole(whole):
    few = DatasetSubset(whole, 10**6)
    assert few.digest == whole.digest and few.size("test") == whole.size("test")
    assert np.array_equal(few.pixels("val", [1]), whole.pixels("val", [1]))


def test_the_digest_tells_draws_apart(whole):
    assert len({whole.digest, *(DatasetSubset(whole, most, seed).digest for most in (2, 3) for seed in (0, 1))}) == 5


def test_an_empty_subset_is_refused(whole):
    with pytest.raises(InvalidOptionError, match="at least 1 image; found 0"):
        DatasetSubset(whole, 0)


def test_a_zoo_is_limited_in_what_is_evaluated_only():
    zoo = tiny_zoo(2)
    few = zoo.limited(2)
    assert few.datasets["boats"].size("test") == 2 and few.tasks == zoo.tasks
    assert zoo.limited(None) is zoo


def test_a_named_split_is_cut_and_knows_its_places(whole):
    few = limited_dataset(whole, "train", 5)
    assert few.size("train") == 5 and few.size("test") == whole.size("test")
    assert few.digest != whole.digest != limited_dataset(whole, "val", 5).digest
    places = origin(few, "train")
    assert torch.equal(few.labels("train"), whole.labels("train")[places])
    assert np.array_equal(few.pixels("train", [4]), whole.pixels("train", [int(places[4])]))
    assert origin(few, "test").tolist() == list(range(few.size("test"))) == origin(whole, "test").tolist()


def test_a_limited_split_is_the_one_that_tables_are_measured_on(whole):
    assert limited_dataset(whole, "test", 3).digest == DatasetSubset(whole, 3).digest
