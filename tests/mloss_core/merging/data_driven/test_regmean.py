import dataclasses
import logging

import numpy as np
import pytest
import torch

from mloss_core.errors import CheckpointError, InvalidOptionError, ZooError
from mloss_core.merging import GivenStatistics, merge, merge_state_dicts
from mloss_core.merging.data_driven.regmean import solve
from mloss_core.recipe import Recipe
from tests.mloss_core.merging import dense_data as dense
from tests.mloss_core.merging.models import close, finetuned, pretrained, same
from tests.zoos import tiny_zoo

BLOCK = "transformer.resblocks.2."


def gram(inputs, rows=40, seed=0):
    draw = np.random.default_rng(seed).standard_normal((rows, inputs))
    return draw.T @ draw / rows


def given(base, models, seed=0):
    keys = ("fc1.weight", "fc2.weight")
    grams = {
        key: [torch.as_tensor(gram(base[key].shape[1], seed=seed + 10 * place + len(key))) for place in range(models)]
        for key in keys
    }
    return GivenStatistics(gram=grams)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
@pytest.mark.parametrize("shrink", [0.95, 0.0, 1.0])
def test_it_is_the_formula_and_the_mean_elsewhere(dtype, tolerance, shrink):
    base = pretrained(dtype)
    models, statistics = finetuned(base), given(base, 3)
    found = merge_state_dicts(base, models, "regmean", statistics=statistics, shrink=shrink, ridge=0.0)
    for key in ("fc1.weight", "fc2.weight"):
        deltas = [(model[key].double() - base[key].double()).numpy() for model in models]
        expected = dense.regmean(deltas, [each.numpy() for each in statistics.gram[key]], shrink)
        assert np.allclose((found[key].double() - base[key].double()).numpy(), expected, rtol=tolerance, atol=tolerance)
    assert torch.allclose(found["conv.weight"], torch.stack([m["conv.weight"] for m in models]).mean(0))


def test_it_solves_a_regression_worked_by_hand():
    # The first model alone sees input 1, the second alone input 2: each column comes from the model that saw it.
    base = {"w": torch.zeros(1, 2)}
    models = [{"w": torch.tensor([[3.0, 5.0]])}, {"w": torch.tensor([[7.0, 11.0]])}]
    grams = [torch.diag(torch.tensor([4.0, 0.0])), torch.diag(torch.tensor([0.0, 9.0]))]
    found = merge_state_dicts(base, models, "regmean", statistics=GivenStatistics(gram={"w": grams}), ridge=0.0)
    assert found["w"].tolist() == [[3.0, 11.0]]


def test_a_projection_stored_inputs_first_is_solved_so():
    base = {"visual.proj": torch.zeros(2, 1)}
    models = [{"visual.proj": torch.tensor([[3.0], [5.0]])}, {"visual.proj": torch.tensor([[7.0], [11.0]])}]
    grams = [torch.diag(torch.tensor([4.0, 0.0])), torch.diag(torch.tensor([0.0, 9.0]))]
    found = merge_state_dicts(base, models, "regmean", statistics=GivenStatistics(gram={"visual.proj": grams}), ridge=0)
    assert found["visual.proj"].tolist() == [[3.0], [11.0]]


def test_the_ridge_pulls_towards_the_average():
    moments, products, average = torch.diag(torch.tensor([2.0, 4.0])), torch.tensor([[6.0], [8.0]]), torch.ones(2, 1)
    # (2 + 3) x = 6 + 3 and (4 + 3) x = 8 + 3
    assert torch.allclose(solve(moments, products, average, 1.0), torch.tensor([[9 / 5], [11 / 7]]))


def test_inputs_that_nobody_saw_leave_the_average_and_say_so(caplog):
    base = {"w": torch.zeros(1, 2)}
    models = [{"w": torch.tensor([[1.0, 5.0]])}, {"w": torch.tensor([[3.0, 7.0]])}]
    nothing = GivenStatistics(gram={"w": [torch.zeros(2, 2)] * 2})
    with caplog.at_level(logging.WARNING):
        found = merge_state_dicts(base, models, "regmean", statistics=nothing)
    assert found["w"].tolist() == [[2.0, 6.0]] and "inputs of w, or too little: it is averaged" in caplog.text


def test_the_order_of_models_goes_with_their_statistics():
    base = pretrained(torch.float64)
    models, statistics = finetuned(base), given(base, 3)
    turned = GivenStatistics(gram={key: found[::-1] for key, found in statistics.gram.items()})
    first = merge_state_dicts(base, models, "regmean", statistics=statistics)
    assert close(first, merge_state_dicts(base, models[::-1], "regmean", statistics=turned))


def test_moments_that_are_not_finite_are_refused():
    base = pretrained()
    broken = GivenStatistics(gram={"fc1.weight": [torch.full((10, 10), float("nan"))] * 3})
    with pytest.raises(CheckpointError, match=r"the inputs of fc1.weight in model 0 must be finite; found NaN"):
        merge_state_dicts(base, finetuned(base), "regmean", statistics=broken)


def hooked_inputs(zoo, model, images):
    """Inputs of two maps of one block and of the projection, by open_clip's own tower."""
    tower, seen = zoo.tower(model), {}
    block = tower.transformer.resblocks[2]
    block.ln_1.register_forward_hook(lambda *call: seen.update({"attn.in_proj_weight": call[-1]}))
    block.mlp.c_proj.register_forward_hook(lambda *call: seen.update({"mlp.c_proj.weight": call[1][0]}))
    tower.ln_post.register_forward_hook(lambda *call: seen.update({"proj": call[-1]}))
    with torch.no_grad():
        tower(images)
    return seen


def test_a_zoo_is_merged_by_what_its_own_models_are_fed():
    zoo = tiny_zoo(tasks=2)
    found = merge(zoo, Recipe(method="regmean", options={"images": 40, "ridge": 0.0})).state_dict()
    base = zoo.pretrained.weights
    for name in ("attn.in_proj_weight", "mlp.c_proj.weight"):
        grams, deltas = [], []
        for task, source in zoo.finetuned.items():
            rows = hooked_inputs(zoo, source.weights, zoo.datasets[task].images("train", range(40)))[name]
            rows = rows.flatten(0, 1).double().numpy()
            grams.append(rows.T @ rows / 40)
            deltas.append((source.weights[BLOCK + name] - base[BLOCK + name]).double().numpy())
        expected = dense.regmean(deltas, grams)
        assert np.allclose((found[BLOCK + name] - base[BLOCK + name]).numpy(), expected, rtol=1e-3, atol=1e-4)


def test_the_merged_network_feeds_regmean_pp():
    zoo = tiny_zoo(tasks=2, layers=2)
    options = {"images": 40, "ridge": 0.0}
    found = merge(zoo, Recipe(method="regmean_pp", options=options)).state_dict()
    own = merge(zoo, Recipe(method="regmean", options=options)).state_dict()
    merged = {key: found[key] for key in found}
    key = "transformer.resblocks.1.attn.in_proj_weight"
    grams, deltas = [], []
    for task, source in zoo.finetuned.items():
        tower = zoo.tower({**merged, **{k: v for k, v in source.weights.items() if "resblocks.1.ln_1" in k}})
        seen = []
        tower.transformer.resblocks[1].ln_1.register_forward_hook(lambda *call, seen=seen: seen.append(call[-1]))
        with torch.no_grad():
            tower(zoo.datasets[task].images("train", range(40)))
        rows = seen[0].flatten(0, 1).double().numpy()
        grams.append(rows.T @ rows / 40)
        deltas.append((source.weights[key] - zoo.pretrained.weights[key]).double().numpy())
    expected = dense.regmean(deltas, grams)
    assert np.allclose((found[key] - zoo.pretrained.weights[key]).numpy(), expected, rtol=1e-3, atol=1e-4)
    assert not torch.allclose(found[key], own[key], atol=1e-6)


@pytest.mark.parametrize("method", ["regmean", "regmean_pp"])
def test_equal_models_give_that_model(method):
    zoo = tiny_zoo(tasks=2)
    first, second = zoo.finetuned.values()
    twins = {name: type(first)(name, first.weights, first.digest) for name in zoo.finetuned}
    found = merge(_with(zoo, finetuned=twins), Recipe(method=method, options={"images": 20})).state_dict()
    assert close({key: found[key] for key in found}, dict(first.weights), 1e-5)
    alone = merge(zoo.subset([zoo.tasks[1]]), Recipe(method=method)).state_dict()
    assert same({key: alone[key] for key in alone}, dict(second.weights))


def test_without_images_or_statistics_one_sentence_says_what_to_do():
    zoo = tiny_zoo(tasks=2)
    with pytest.raises(ZooError, match="RegMean needs images of every task; the zoo tiny has no dataset for apples"):
        merge(_with(zoo, datasets={"boats": zoo.datasets["boats"]}), Recipe(method="regmean"))
    base = pretrained()
    with pytest.raises(InvalidOptionError, match="regmean needs statistics of images; on plain tensors give them"):
        merge_state_dicts(base, finetuned(base), "regmean")
    with pytest.raises(InvalidOptionError, match="ties takes no statistics"):
        merge_state_dicts(base, finetuned(base), "ties", statistics=GivenStatistics())


def _with(zoo, **changes):
    return dataclasses.replace(zoo, **changes)


@pytest.mark.parametrize("method", ["regmean", "regmean_pp"])
def test_what_was_computed_before_is_taken_for_the_same_pruning_alone(method):
    zoo, options = tiny_zoo(2), {"images": 8}

    def digest(*pre, seed=0):
        return merge(zoo, Recipe(method=method, options=options, pre=pre, seed=seed)).digest

    guides = [f"mloss:keep_rate=0.5,span={span},ranking={how}" for span in (0.1, 0.4) for how in ("rank", "reversed")]
    drops = [digest("dare:keep_rate=0.5"), digest("dare:keep_rate=0.6"), digest("dare:keep_rate=0.5", seed=1)]
    found = [digest(), *map(digest, guides), *drops]
    assert len(set(found)) == len(found)
    assert digest(guides[0]) == found[1]
