import dataclasses

import numpy as np
import pytest

from mloss_core.caching import Cache
from mloss_core.errors import DatasetError, InvalidOptionError, JobCancelledError, ZooError
from mloss_core.mergeability.sources import pair_mloss
from mloss_core.mergeability.sources.pair_mloss import mloss_of_pairs
from mloss_core.mloss import inputs, measure_mloss
from mloss_core.recipe import INPUT_MODES, MLossOptions
from mloss_core.types import silent
from tests.zoos import tiny_zoo

PAIRS = [("apples", "boats"), ("apples", "clouds"), ("boats", "clouds")]


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(tasks=3, layers=3, images=120)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return Cache(tmp_path_factory.mktemp("cache"))


CASES = [
    *(MLossOptions(samples_per_task=5, input_mode=mode) for mode in INPUT_MODES),
    MLossOptions(samples_per_task=5, tokens="class", activation="relu"),
    MLossOptions(samples_per_task=5, tokens="patches", input_mode="pretrained", preprocess="stretch", seed=3),
    MLossOptions(samples_per_task=5, reduction="root_mean_square"),
    MLossOptions(samples_per_task=5, reduction="root_mean_square", input_mode="own"),
    MLossOptions.preset("reference"),
]


@pytest.mark.parametrize("options", CASES, ids=lambda options: f"{options.input_mode}-{options.sampling}")
def test_a_pair_is_the_measurement_of_its_two_models(zoo, cache, options):
    for pair, found in mloss_of_pairs(zoo, PAIRS, options, silent, cache):
        expected = measure_mloss(zoo, tasks=pair, options=options, cache=cache).layers
        assert found["mloss"].dtype == np.float64 and found["mloss"].shape == (3,)
        np.testing.assert_allclose(found["mloss"], expected["mloss"], rtol=1e-4)
        np.testing.assert_allclose(found["normalised"], expected["normalised"], rtol=1e-4)
        assert found["mloss"].min() > 0


@pytest.mark.parametrize("mode", INPUT_MODES)
def test_batches_do_not_change_the_result(zoo, cache, mode, monkeypatch):
    options = MLossOptions(samples_per_task=5, input_mode=mode)
    whole = dict(mloss_of_pairs(zoo, PAIRS, options, silent, cache))
    monkeypatch.setattr(inputs, "batch_size", lambda _: 4)
    monkeypatch.setattr(pair_mloss, "_CHUNK_BYTES", 1)
    for pair, found in mloss_of_pairs(zoo, PAIRS, options, silent, cache):
        for name in ("mloss", "normalised"):
            np.testing.assert_allclose(found[name], whole[pair][name], rtol=1e-4)


@pytest.mark.parametrize("mode", INPUT_MODES)
def test_other_models_of_the_zoo_do_not_matter(zoo, cache, mode):
    options = MLossOptions(samples_per_task=5, input_mode=mode)
    ((_, alone),) = mloss_of_pairs(zoo, PAIRS[1:2], options, silent, cache)
    together = dict(mloss_of_pairs(zoo, PAIRS, options, silent, cache))[PAIRS[1]]
    np.testing.assert_allclose(alone["mloss"], together["mloss"], rtol=1e-5)


@pytest.mark.parametrize("mode", INPUT_MODES)
def test_identical_models_have_none(zoo, cache, mode):
    twins = dataclasses.replace(zoo, finetuned={**zoo.finetuned, "boats": zoo.finetuned["apples"]})
    options = MLossOptions(samples_per_task=5, input_mode=mode)
    ((_, found),) = mloss_of_pairs(twins, PAIRS[:1], options, silent, cache)
    np.testing.assert_allclose(found["mloss"], 0, atol=1e-13)


def test_weights_of_models_make_no_sense_for_pairs(zoo, cache):
    with pytest.raises(InvalidOptionError, match="pairs are measured with equal ones"):
        next(mloss_of_pairs(zoo, PAIRS, MLossOptions(weights=(0.5, 0.3, 0.2)), silent, cache))


def test_images_are_needed_and_enough_of_them(zoo, cache):
    with pytest.raises(DatasetError, match="apples has 120 training images; 121 were asked for"):
        next(mloss_of_pairs(zoo, PAIRS, MLossOptions(samples_per_task=121), silent, cache))
    bare = dataclasses.replace(zoo, datasets={"apples": zoo.datasets["apples"]})
    with pytest.raises(ZooError, match="no dataset for boats"):
        next(mloss_of_pairs(bare, PAIRS, MLossOptions(), silent, cache))


@pytest.mark.parametrize("mode", INPUT_MODES)
def test_progress_rises_and_may_cancel(zoo, cache, mode):
    options, seen = MLossOptions(samples_per_task=5, input_mode=mode), []
    list(mloss_of_pairs(zoo, PAIRS, options, lambda fraction, message="": seen.append(fraction), cache))
    assert len(seen) >= 3 and seen == sorted(seen) and seen[-1] < 1

    def cancel(fraction, message=""):
        if fraction > 0:
            raise JobCancelledError("stopped")

    with pytest.raises(JobCancelledError):
        list(mloss_of_pairs(zoo, PAIRS, options, cancel, cache))
