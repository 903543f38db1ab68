import numpy as np
import pytest

from mloss_core.caching import Cache
from mloss_core.evaluation.inspection.cka import linear_cka
from mloss_core.mergeability import METRICS, Undefined
from mloss_core.mergeability.sources.activations import activations, token_means
from mloss_core.outputs.calibration import draw_calibration
from mloss_core.recipe import MLossOptions
from mloss_core.types import silent
from tests.zoos import tiny_zoo

PAIR = ("apples", "boats")


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(tasks=2, layers=2)


def facts(zoo, cache, samples):
    return dict(activations(zoo, [PAIR], MLossOptions(samples_per_task=samples), silent, cache))[PAIR]


def test_similarity_is_that_of_inspect_on_the_images_of_both_tasks(zoo, tmp_path):
    found = facts(zoo, Cache(tmp_path), 6)
    images = draw_calibration(zoo, PAIR, samples_per_task=6).images
    a, b = (token_means(zoo, zoo.finetuned[task].weights, images).double().numpy() for task in PAIR)
    expected = [linear_cka(*blocks) for blocks in zip(a, b, strict=True)]
    np.testing.assert_allclose(found["cka"], expected, rtol=1e-4)


def test_three_images_and_fewer_have_no_similarity_but_the_rest(zoo, tmp_path):
    found = facts(zoo, Cache(tmp_path), 1)
    assert isinstance(METRICS["linear_cka"].function(found), Undefined)
    assert np.isfinite(METRICS["activation_l2_distance"].function(found))
