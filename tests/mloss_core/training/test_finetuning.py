import math

import pytest
import torch

from mloss_core.errors import DatasetError, InvalidOptionError
from mloss_core.training.finetuning import finetune_encoder, random_crop
from mloss_core.training.loops import TrainingOptions, finetune
from mloss_core.training.options import EPOCHS, FinetuneOptions
from mloss_core.types import silent
from tests.zoos import tiny_zoo

QUICK = FinetuneOptions(epochs=4, batch=4, learning_rate=3e-3, warmup=0, augment="none")


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(2)


def tuned(zoo, options=QUICK, dataset=None, progress=silent):
    task = zoo.tasks[0]
    return finetune_encoder(
        zoo.architecture,
        zoo.pretrained.weights,
        zoo.heads[task],
        dataset or zoo.datasets[task],
        options,
        progress=progress,
    )


def test_the_loss_falls_and_the_pretrained_weights_stay(zoo):
    before = {key: tensor.clone() for key, tensor in zoo.pretrained.weights.items()}
    found = tuned(zoo)
    count = zoo.datasets[zoo.tasks[0]].size("train")
    assert found.updates == len(found.losses) == 4 * math.ceil(count / 4)
    assert sum(found.losses[-3:]) < sum(found.losses[:3])
    assert all(torch.equal(before[key], zoo.pretrained.weights[key]) for key in before)
    assert set(found.state) == set(before) and not torch.equal(found.state["proj"], before["proj"])
    assert found.checked == zoo.datasets[zoo.tasks[0]].size("val") and 0 <= found.before <= 1 >= found.after >= 0


def test_the_seed_decides_everything(zoo):
    cropped = FinetuneOptions(epochs=1, batch=4, learning_rate=1e-3, warmup=0)
    first, again = tuned(zoo, cropped), tuned(zoo, cropped)
    assert all(torch.equal(first.state[key], again.state[key]) for key in first.state)
    other = tuned(zoo, FinetuneOptions(epochs=1, batch=4, learning_rate=1e-3, warmup=0, seed=1))
    assert first.losses != other.losses


def test_every_image_comes_once_before_any_comes_again(zoo):
    shown = []
    tower, head = zoo.tower(zoo.pretrained.weights), zoo.heads[zoo.tasks[0]]
    tower.requires_grad_(True)
    dataset = zoo.datasets[zoo.tasks[0]]

    def read(chosen):
        shown.extend(chosen.tolist())
        return dataset.images("train", chosen.tolist())

    labels = dataset.labels("train")[:10]
    finetune(tower, head, read, labels, TrainingOptions(steps=6, batch=4, warmup=0), by_epoch=True)
    assert sorted(shown[:10]) == sorted(shown[10:]) == list(range(10)) and shown[:10] != shown[10:]


def test_epochs_are_those_that_were_published(zoo):
    assert (EPOCHS["dtd"], EPOCHS["cars"], EPOCHS["svhn"]) == (76, 35, 4)
    dataset = zoo.datasets[zoo.tasks[0]]
    dataset.name, name = "SVHN", dataset.name
    try:
        assert tuned(zoo, FinetuneOptions(batch=10**6, warmup=0, augment="none")).updates == 4
    finally:
        dataset.name = name


def test_a_crop_is_most_of_the_image_at_the_same_size():
    images = torch.arange(2 * 3 * 20 * 20, dtype=torch.float32).reshape(2, 3, 20, 20) / 2400
    cropped = random_crop(images, torch.Generator().manual_seed(0))
    assert cropped.shape == images.shape
    # A ramp keeps its direction, and its mean moves by less than what a tenth of the area can hold.
    assert (cropped[0, 0].diff(dim=0).mean() > 0) and (
        cropped[:, 0].mean((1, 2)) - images[:, 0].mean((1, 2))
    ).abs().max() < 0.05
    assert not torch.equal(cropped, images)


def test_what_does_not_fit_is_refused(zoo):
    task = zoo.tasks[0]
    with pytest.raises(DatasetError, match="the head must have one row a class"):
        finetune_encoder(zoo.architecture, zoo.pretrained.weights, zoo.heads[task][:-1], zoo.datasets[task], QUICK)
    with pytest.raises(InvalidOptionError, match="optimizer must be one of adamw, sgd"):
        FinetuneOptions(optimizer="adam")


def test_it_can_be_stopped(zoo):
    class Stopped(Exception):  # noqa: N818
        pass

    def stop(fraction, message=""):
        raise Stopped

    with pytest.raises(Stopped):
        tuned(zoo, progress=stop)
