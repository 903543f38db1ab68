import numpy as np
import pytest
import torch

from mloss_core.errors import DatasetError
from mloss_core.outputs.calibration import draw_calibration, reference_pool_size
from tests.zoos import tiny_zoo


def test_balanced_reproducible_and_growing():
    zoo = tiny_zoo(3)
    small, large = draw_calibration(zoo, samples_per_task=4), draw_calibration(zoo, samples_per_task=8)
    assert small.task.tolist() == [0] * 4 + [1] * 4 + [2] * 4
    for task in range(3):
        assert large.index[large.task == task][:4].tolist() == small.index[small.task == task].tolist()
        assert len(set(large.index[large.task == task])) == 8
    again = draw_calibration(zoo, samples_per_task=4)
    assert again.digest == small.digest and torch.equal(again.images, small.images)
    other = draw_calibration(zoo, samples_per_task=4, seed=1)
    assert other.digest != small.digest and not np.array_equal(other.index, small.index)


def test_images_are_those_of_the_training_split():
    zoo = tiny_zoo(2)
    drawn = draw_calibration(zoo, ("boats",), samples_per_task=3)
    assert torch.equal(drawn.images, zoo.datasets["boats"].images("train", drawn.index.tolist()))
    stretched = draw_calibration(zoo, ("boats",), samples_per_task=3, preprocess="stretch")
    assert stretched.images.min() >= 0 and stretched.images.max() <= 1 and stretched.digest != drawn.digest


@pytest.mark.parametrize(("count", "pool"), [(18900, 189), (8144, 100), (60000, 500), (1880, 100), (40, 40)])
def test_reference_pool(count, pool):
    """The published sizes of RESISC45, Cars, MNIST and DTD; a split smaller than the floor is taken whole."""
    assert reference_pool_size(count) == pool


def test_too_few_images():
    with pytest.raises(DatasetError, match="apples has 40 training images; 41 were asked for"):
        draw_calibration(tiny_zoo(2), samples_per_task=41)
