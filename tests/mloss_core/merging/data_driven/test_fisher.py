import dataclasses
import logging

import numpy as np
import pytest
import torch

from mloss_core.errors import CheckpointError, ZooError
from mloss_core.merging import GivenStatistics, merge, merge_state_dicts
from mloss_core.merging.data_driven.fisher import fisher_information
from mloss_core.recipe import Recipe
from tests.mloss_core.merging import dense_data as dense
from tests.mloss_core.merging.models import close, finetuned, pretrained
from tests.zoos import tiny_zoo


def information(base, models=3):
    draw = torch.Generator().manual_seed(5)
    floating = [key for key in base if base[key].is_floating_point()]
    return [
        {key: torch.rand(base[key].shape, generator=draw, dtype=torch.float64) for key in floating}
        for _ in range(models)
    ]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
def test_it_is_the_weighted_mean_of_the_weights(dtype, tolerance):
    base = pretrained(dtype)
    models, found = finetuned(base), information(base)
    merged = merge_state_dicts(base, models, "fisher", statistics=GivenStatistics(information=found), floor=0.01)
    moving = [key for key in found[0] if key != "text.weight"]
    norms = [np.sqrt(sum(float(each[key].square().sum()) for key in moving)) for each in found]
    for key in moving:
        values = [model[key].double().numpy() for model in models]
        expected = dense.fisher(values, [each[key].numpy() for each in found], norms, floor=0.01)
        assert np.allclose(merged[key].double().numpy(), expected, rtol=tolerance, atol=tolerance)


def test_a_weight_that_one_model_depends_on_comes_from_it():
    base, models = {"w": torch.zeros(2)}, [{"w": torch.tensor([1.0, 1.0])}, {"w": torch.tensor([5.0, 5.0])}]
    given = GivenStatistics(information=[{"w": torch.tensor([3.0, 0.0])}, {"w": torch.tensor([1.0, 2.0])}])
    merged = merge_state_dicts(base, models, "fisher", statistics=given, floor=1e-12, normalise=False)
    assert merged["w"].tolist() == pytest.approx([(3 * 1 + 1 * 5) / 4, 5.0])


def test_models_may_change_places_and_what_is_not_known_is_averaged(caplog):
    base = pretrained()
    models, found = finetuned(base), information(base)
    first = merge_state_dicts(base, models, "fisher", statistics=GivenStatistics(information=found))
    second = merge_state_dicts(base, models[::-1], "fisher", statistics=GivenStatistics(information=found[::-1]))
    assert close(first, second)
    with caplog.at_level(logging.WARNING):
        plain = merge_state_dicts(base, models, "fisher", statistics=GivenStatistics())
    assert "no Fisher information of 5 tensors, fc1.weight among them: they are averaged" in caplog.text
    assert torch.allclose(plain["conv.weight"], torch.stack([m["conv.weight"] for m in models]).mean(0))


def test_information_that_is_not_finite_is_refused():
    base = pretrained()
    broken = [{"fc1.bias": torch.full((7,), float("nan"))}] * 3
    with pytest.raises(CheckpointError, match="the Fisher information of model 0 must be finite"):
        merge_state_dicts(base, finetuned(base), "fisher", statistics=GivenStatistics(information=broken))


def by_hand(tower, head, images, labels):
    sums = {name: torch.zeros_like(weight) for name, weight in tower.named_parameters()}
    tower.requires_grad_(True)
    for image, label in zip(images, labels, strict=True):
        tower.zero_grad()
        logits = torch.nn.functional.normalize(tower(image[None]), dim=-1) @ head.T
        torch.log_softmax(logits, -1)[0, label].backward()
        for name, weight in tower.named_parameters():
            sums[name] += weight.grad.square()
    return {name: total / len(images) for name, total in sums.items()}


def test_information_is_the_mean_of_squared_gradients_image_by_image():
    zoo = tiny_zoo(tasks=1, layers=2)
    task = zoo.tasks[0]
    images, labels = zoo.datasets[task].images("train", range(35)), zoo.datasets[task].labels("train")[:35]
    weights = {key: tensor.clone() for key, tensor in zoo.finetuned[task].weights.items()}
    found = fisher_information(zoo.tower(weights), zoo.heads[task], images, labels)
    expected = by_hand(zoo.tower(weights), zoo.heads[task], images, labels)
    assert set(found) == set(weights)
    assert all(torch.allclose(found[key], expected[key], rtol=1e-3, atol=1e-5) for key in expected)


def test_labels_of_the_model_follow_its_probabilities_and_the_seed():
    zoo = tiny_zoo(tasks=1, layers=1)
    task = zoo.tasks[0]
    images, tower = zoo.datasets[task].images("train", range(20)), zoo.tower(zoo.finetuned[task].weights)
    head = zoo.heads[task]
    first, again, other = (fisher_information(tower, head, images, seed=seed)["proj"] for seed in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    with torch.no_grad():
        sure = (torch.nn.functional.normalize(tower(images), dim=-1) @ head.T).argmax(1)
    certain = fisher_information(tower, 1000 * head, images, seed=1)["proj"]
    assert torch.allclose(certain, fisher_information(tower, 1000 * head, images, sure)["proj"], atol=1e-3)


def test_a_zoo_without_heads_or_images_is_refused_in_one_sentence():

    zoo = tiny_zoo(tasks=2)
    headless = dataclasses.replace(zoo, heads={"boats": zoo.heads["boats"]})
    with pytest.raises(ZooError, match="no zero-shot head for apples"):
        merge(headless, Recipe(method="fisher"))
    with pytest.raises(ZooError, match="Fisher needs images of every task; the zoo tiny has no dataset for apples"):
        merge(dataclasses.replace(zoo, datasets={"boats": zoo.datasets["boats"]}), Recipe(method="fisher"))


def test_true_and_drawn_labels_differ():
    zoo = tiny_zoo(tasks=2)
    drawn, true = (
        merge(zoo, Recipe(method="fisher", options={"labels": labels, "images": 20})).state_dict()
        for labels in ("model", "true")
    )
    assert not torch.equal(drawn["proj"], true["proj"])
