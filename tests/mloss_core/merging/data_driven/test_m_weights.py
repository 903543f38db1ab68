import dataclasses

import numpy as np
import pytest
import torch

from mloss_core.errors import CheckpointError, InvalidOptionError, ZooError
from mloss_core.merging import CoefficientSystem, GivenStatistics, merge, merge_state_dicts
from mloss_core.merging.data_driven.coefficient_systems import coefficient_systems, node_system
from mloss_core.merging.data_driven.m_weights import fitted
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.vision.towers import activation_function
from tests.mloss_core.merging.models import finetuned, pretrained, same
from tests.zoos import tiny_zoo

PREFIX = "transformer.resblocks.{}."


def systems(nodes=7, models=3, seed=0):
    draw = np.random.default_rng(seed)
    moves = draw.standard_normal((nodes, models, 20))
    slope = torch.as_tensor(draw.standard_normal((nodes, models)))
    return CoefficientSystem(torch.as_tensor(moves @ moves.transpose(0, 2, 1)), slope, ("fc1.weight", "fc1.bias"))


def merged(base, models, **options):
    given = GivenStatistics(systems={"fc1.": systems(models=len(models))})
    return merge_state_dicts(base, models, "m_weights", statistics=given, **options)


def test_coefficients_worked_by_hand():
    # One direction: (2 + r) d = 1 with r in units of the mean curvature 2.
    assert fitted(torch.tensor([[2.0]]), torch.tensor([1.0]), 0.5).tolist() == pytest.approx([1 + 1 / 3])
    two = fitted(torch.diag(torch.tensor([1.0, 3.0])), torch.tensor([1.0, 1.0]), 1.0)
    assert two.tolist() == pytest.approx([1 / 2 + 1 / 3, 1 / 2 + 1 / 5])
    assert fitted(torch.zeros(2, 2), torch.zeros(2), 0.0).tolist() == [0.5, 0.5]


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-5)])
@pytest.mark.parametrize("per", ["block", "node"])
def test_it_is_the_sum_with_the_coefficients_of_the_normal_equations(dtype, tolerance, per):
    base = pretrained(dtype)
    models, system = finetuned(base), systems()
    found = merged(base, models, ridge=0.3, per=per)
    curvature, slope = system.curvature.numpy(), system.slope.numpy()

    def solved(matrix, vector):
        return 1 / 3 + np.linalg.inv(matrix + 0.3 * np.trace(matrix) / 3 * np.eye(3)) @ vector

    block = solved(curvature.sum(0), slope.sum(0))
    rows = np.stack([solved(*pair) for pair in zip(curvature, slope, strict=True)]) if per == "node" else block
    for key, shares in (("fc1.weight", rows), ("fc1.bias", rows), ("fc2.weight", block)):
        deltas = np.stack([(model[key].double() - base[key].double()).numpy() for model in models], -1)
        expected = (deltas * (shares[:, None] if shares.ndim == 2 and deltas.ndim == 3 else shares)).sum(-1)
        assert np.allclose((found[key].double() - base[key].double()).numpy(), expected, rtol=tolerance, atol=tolerance)


def test_a_large_ridge_gives_the_average():
    base = pretrained(torch.float64)
    models = finetuned(base)
    found = merged(base, models, ridge=100.0)
    average = merge_state_dicts(base, models, "average")
    assert torch.allclose(found["fc1.weight"], average["fc1.weight"], atol=2e-3)


def test_equations_of_a_linear_layer_are_those_of_least_squares():
    draw = torch.Generator().manual_seed(0)
    inputs, base = (
        torch.randn(30, 4, generator=draw),
        (torch.randn(2, 4, generator=draw), torch.randn(2, generator=draw)),
    )
    layers = [(base[0] + torch.randn(2, 4, generator=draw), base[1] + torch.randn(2, generator=draw)) for _ in range(3)]
    phi = activation_function("gelu")
    curvature, slope = node_system(inputs, layers, base, phi)
    outputs = torch.stack([inputs @ weight.T + bias for weight, bias in layers]).double()
    mean = outputs.mean(0)
    slopes = (phi(mean + 1e-5) - phi(mean - 1e-5)) / 2e-5
    moves = (outputs - (inputs @ base[0].T + base[1]).double()) * slopes
    gap = phi(outputs).mean(0) - phi(mean)
    assert torch.allclose(curvature, torch.einsum("itn,jtn->nij", moves, moves), rtol=1e-3, atol=1e-4)
    assert torch.allclose(slope, torch.einsum("itn,tn->ni", moves, gap), rtol=1e-3, atol=1e-4)
    straight = node_system(inputs, layers, base, activation_function("identity"))[1]
    assert straight.abs().max() < 1e-4


def difference(zoo, images, coefficients):
    """Mean squared distance of block 0's merged activations to the Ensemble's, with open_clip's own tower."""
    average = {key: torch.stack([s.weights[key] for s in zoo.sources()]).mean(0) for key in zoo.pretrained.weights}
    tower, seen = zoo.tower(average), []
    tower.transformer.resblocks[0].mlp.c_fc.register_forward_hook(lambda *call: seen.append(call[1][0]))
    with torch.no_grad():
        tower(images)
    linear = torch.nn.functional.linear
    keys = [f"{PREFIX.format(0)}mlp.c_fc.{part}" for part in ("weight", "bias")]
    base = linear(seen[0], *(zoo.pretrained.weights[key] for key in keys)).double()
    outputs = [linear(seen[0], *(source.weights[key] for key in keys)).double() for source in zoo.sources()]
    phi = torch.nn.functional.gelu
    mixed = base + sum(share * (output - base) for share, output in zip(coefficients, outputs, strict=True))
    return float((phi(mixed) - sum(map(phi, outputs)) / len(outputs)).square().mean())


def test_fitted_coefficients_bring_a_block_closer_to_the_ensemble():
    zoo = tiny_zoo(tasks=3, layers=2, spread=0.5)
    images = torch.cat([zoo.datasets[task].images("train", range(10)) for task in zoo.tasks])
    system = coefficient_systems(zoo, images, MLossOptions())[PREFIX.format(0)]
    found = fitted(system.curvature.sum(0), system.slope.sum(0), 0.01)
    assert difference(zoo, images, found.tolist()) < difference(zoo, images, [1 / 3] * 3)


def test_controls_move_the_coefficients_or_level_them():
    zoo = tiny_zoo(tasks=2, layers=4, spread=0.5)
    options = {"ridge": 0.01, "images": 8}

    def update(seed=0, **more):
        return merge(zoo, Recipe(method="m_weights", options={**options, **more}, seed=seed)).update

    def shares(found, block):
        name = PREFIX.format(block) + "attn.in_proj_weight"
        deltas = [(zoo.finetuned[t].weights[name] - zoo.pretrained.weights[name]).flatten() for t in zoo.tasks]
        return np.linalg.lstsq(torch.stack(deltas, 1).numpy(), found[name].flatten().numpy(), rcond=None)[0]

    plain, shuffled, level = update(), update(coefficients="shuffled"), update(coefficients="equal")
    fits = np.stack([shares(plain, block) for block in range(4)])
    moved = np.stack([shares(shuffled, block) for block in range(4)])
    assert np.allclose(sorted(fits.tolist()), sorted(moved.tolist()), atol=1e-4) and (fits != moved).any(1).all()
    assert np.allclose([shares(level, block) for block in range(4)], fits.mean(), atol=1e-3)


def test_equal_models_give_that_model_and_one_model_itself():
    zoo = tiny_zoo(tasks=2, layers=2)
    first = zoo.finetuned[zoo.tasks[0]]
    twins = dataclasses.replace(zoo, finetuned={t: dataclasses.replace(first, name=t) for t in zoo.tasks})
    for per in ("block", "node"):
        found = merge(twins, Recipe(method="m_weights", options={"per": per})).state_dict()
        assert all(torch.allclose(found[key], first.weights[key], atol=1e-5) for key in found)
        alone = merge(zoo.subset(zoo.tasks[:1]), Recipe(method="m_weights", options={"per": per})).state_dict()
        assert all(torch.allclose(alone[key], first.weights[key], atol=1e-6) for key in alone)


def test_models_may_change_places():
    zoo = tiny_zoo(tasks=3, layers=2)
    turned = dataclasses.replace(zoo, finetuned={task: zoo.finetuned[task] for task in reversed(zoo.tasks)})
    first, second = (merge(each, Recipe(method="m_weights")).state_dict() for each in (zoo, turned))
    assert all(torch.allclose(first[key], second[key], atol=1e-5) for key in first)
    again = merge(zoo, Recipe(method="m_weights")).state_dict()
    assert same({key: first[key] for key in first}, {key: again[key] for key in again})


def test_what_does_not_fit_is_refused():
    base = pretrained()
    models = finetuned(base)
    with pytest.raises(InvalidOptionError, match="must be of the 3 models that are merged; the statistics are of 2"):
        merge_state_dicts(base, models, "m_weights", statistics=GivenStatistics(systems={"fc1.": systems(models=2)}))
    broken = dataclasses.replace(systems(), slope=torch.full((7, 3), float("nan")))
    with pytest.raises(CheckpointError, match="activations of fc1 must be finite"):
        merge_state_dicts(base, models, "m_weights", statistics=GivenStatistics(systems={"fc1.": broken}))
    zoo = tiny_zoo(tasks=2)
    with pytest.raises(ZooError, match="M-Weights needs images of every task"):
        merge(dataclasses.replace(zoo, datasets={}), Recipe(method="m_weights"))
