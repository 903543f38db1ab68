import dataclasses
import logging

import pytest
import torch

from mloss_core.caching import Cache
from mloss_core.errors import UnknownNameError, ZooError
from mloss_core.merging import METHODS, collect_stats, merge
from mloss_core.merging.data_driven.records import DATA
from mloss_core.merging.data_driven.tower_inputs import linear_inputs
from mloss_core.merging.data_driven.zoo_statistics import ZooStatistics
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.vision.architecture import LINEAR_MAPS
from mloss_core.vision.blocks import build_block
from tests.zoos import tiny_zoo

BLOCK = "transformer.resblocks.{}."


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(tasks=2)


def hooked(zoo, weights, images, block):
    """Inputs of the linear maps of one block and of the projection, as open_clip's own tower has them."""
    tower, seen = zoo.tower(weights), {}
    layer = tower.transformer.resblocks[block]
    layer.ln_1.register_forward_hook(lambda *call: seen.update({"attn.in_proj_weight": call[-1]}))
    layer.mlp.c_fc.register_forward_hook(lambda *call: seen.update({"mlp.c_fc.weight": call[1][0]}))
    layer.mlp.c_proj.register_forward_hook(lambda *call: seen.update({"mlp.c_proj.weight": call[1][0]}))
    layer.attn.register_forward_hook(lambda *call: seen.update({"attention": call[-1][0]}))
    tower.ln_post.register_forward_hook(lambda *call: seen.update({"proj": call[-1]}))
    with torch.no_grad():
        tower(images)
    # The attention calls no module for its last map, whose inputs therefore follow from its outputs.
    out = layer.attn.out_proj
    back = torch.linalg.solve(out.weight.double(), (seen.pop("attention") - out.bias).double().flatten(0, 1).T).T
    seen["attn.out_proj.weight"] = back[:, None]
    return {key: found.flatten(0, 1) for key, found in seen.items()}


@pytest.mark.parametrize("block", [0, 3])
def test_squares_are_those_that_hooks_see(zoo, block):
    task = zoo.tasks[1]
    found = collect_stats(zoo, [task], images=40)[task]
    seen = hooked(zoo, zoo.pretrained.weights, zoo.datasets[task].images("train", range(40)), block)
    for name in LINEAR_MAPS:
        expected = seen[name].double().square().sum(0) / 40
        tolerance = 1e-3 if "out_proj" in name else 1e-5
        assert torch.allclose(found[BLOCK.format(block) + name].double(), expected, rtol=tolerance, atol=tolerance)
    assert found["proj"].dtype == torch.float32 and found["proj"].shape == (zoo.pretrained.weights["proj"].shape[0],)
    assert set(found) == {BLOCK.format(each) + name for each in range(4) for name in LINEAR_MAPS} | {"proj"}


def test_the_projection_is_fed_the_class_token_alone(zoo):
    task = zoo.tasks[0]
    images = zoo.datasets[task].images("train", range(40))
    seen = hooked(zoo, zoo.pretrained.weights, images, 3)["proj"]
    first = seen.view(40, -1, seen.shape[-1])[:, 0].double()
    assert torch.allclose(
        collect_stats(zoo, images=40)[task]["proj"].double(), first.square().sum(0) / 40, rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("activation", ["gelu", "quick_gelu"])
def test_a_block_opened_gives_what_it_gives_closed(activation):
    zoo = tiny_zoo(tasks=1, activation=activation)
    layer = build_block(zoo.architecture, zoo.pretrained.weights, 1)
    tokens = torch.randn(3, 5, 16, generator=torch.Generator().manual_seed(0))
    attended = layer.attended(tokens)
    expected = layer.output(attended, layer.mlp_inputs(attended))
    assert torch.allclose(linear_inputs(layer, tokens)[1], expected, atol=1e-5)


def test_moments_of_a_model_are_those_of_its_own_inputs(zoo):
    statistics = ZooStatistics(zoo, MLossOptions())
    for block, moments in enumerate(statistics.moments(40)):
        for model, task in enumerate(zoo.tasks):
            found = moments.of(model)
            assert tuple(found) == moments.keys
            if block == 2:
                weights = zoo.finetuned[task].weights
                seen = hooked(zoo, weights, zoo.datasets[task].images("train", range(40)), 2)
                for name in ("attn.in_proj_weight", "mlp.c_proj.weight"):
                    rows = seen[name].double()
                    assert torch.allclose(found[BLOCK.format(2) + name], rows.T @ rows / 40, rtol=1e-4, atol=1e-4)


def test_too_few_images_are_all_used_and_said(zoo, caplog):
    with caplog.at_level(logging.WARNING):
        capped = collect_stats(zoo, images=1000, cache=None)
    assert "apples has 40 training images, fewer than the 1000 asked for: all are used" in caplog.text
    assert torch.equal(capped["apples"]["proj"], collect_stats(zoo, images=40)["apples"]["proj"])


def test_statistics_are_measured_once_for_a_content(zoo, tmp_path, monkeypatch):
    cache = Cache(tmp_path)
    first = collect_stats(zoo, images=8, cache=cache)
    monkeypatch.setattr(ZooStatistics, "_squares", lambda *_: pytest.fail("measured again"))
    second = collect_stats(zoo, images=8, cache=cache)
    assert all(torch.equal(first[task][key], second[task][key]) for task in first for key in first[task])
    assert len(list(cache.files("statistics"))) == 2


def test_the_seed_and_the_number_choose_the_images(zoo):
    one, two, more = (
        collect_stats(zoo, images=images, seed=seed)["apples"]["proj"] for images, seed in ((8, 0), (8, 1), (16, 0))
    )
    assert not torch.equal(one, two) and not torch.equal(one, more)


def test_tasks_without_images_or_name_are_refused(zoo):

    with pytest.raises(ZooError, match=r"Collecting statistics needs images of every task; .* no dataset for boats"):
        collect_stats(dataclasses.replace(zoo, datasets={"apples": zoo.datasets["apples"]}))
    with pytest.raises(UnknownNameError, match="unknown task 'aples'"):
        collect_stats(zoo, ["aples"])


class Watched:
    """A dataset that notes which splits are read, and whether labels are."""

    def __init__(self, dataset, seen):
        self._dataset, self._seen = dataset, seen
        self.name, self.digest, self.classes, self.templates = (
            dataset.name,
            dataset.digest,
            dataset.classes,
            dataset.templates,
        )

    def size(self, split):
        return self._dataset.size(split)

    def images(self, split, *more):
        self._seen.add(split)
        return self._dataset.images(split, *more)

    def labels(self, split):
        self._seen.add(f"labels of {split}")
        return self._dataset.labels(split)


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.needs & DATA])
def test_methods_see_training_images_alone(method, tmp_path, monkeypatch):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path))
    zoo, seen = tiny_zoo(tasks=2, layers=2), set()
    watched = {task: Watched(dataset, seen) for task, dataset in zoo.datasets.items()}
    merge(dataclasses.replace(zoo, datasets=watched), Recipe(method=method, options={"images": 8}))
    assert seen == {"train"}
    if "labeled" in METHODS[method].needs:
        options = {"images": 8, "labels": "true"}
        merge(dataclasses.replace(zoo, datasets=watched), Recipe(method=method, options=options))
        assert seen == {"train", "labels of train"}


@pytest.mark.parametrize("method", [name for name, method in METHODS.items() if method.needs & DATA])
def test_a_second_merge_from_the_cache_has_the_same_bits(method, tmp_path, monkeypatch):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path))
    zoo, recipe = tiny_zoo(tasks=2, layers=2), Recipe(method=method, options={"images": 8})
    first, second = merge(zoo, recipe), merge(zoo, recipe)
    other = merge(zoo, Recipe(method=method, options={"images": 12}))
    assert first.digest == second.digest != other.digest
