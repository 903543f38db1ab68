"""TSV-C against a full SVD in NumPy: what is cut, what is whole, and what it takes to store."""

import logging

import numpy as np
import pytest
import torch

from mloss_core.merging import merge
from mloss_core.merging.inputs import MergeInputs
from mloss_core.merging.results import MergedWeights, UpdateOnDemand
from mloss_core.merging.spectral.options import TsvCOptions
from mloss_core.merging.spectral.tsv_c import tsv_c
from mloss_core.recipe import Recipe
from tests.mloss_core.merging import dense_spectral as dense
from tests.mloss_core.merging.models import finetuned, pretrained, same
from tests.zoos import tiny_zoo


def made(base, models, **options):
    names = tuple(f"model {place}" for place in range(len(models)))
    inputs = MergeInputs(pretrained=base, finetuned=tuple(models), names=names).with_moving_keys()
    rules = tsv_c(inputs, TsvCOptions(**options)).rules
    states = [
        dict(MergedWeights(base, UpdateOnDemand(rule, inputs.moving), rule.scale, rule.exact).items()) for rule in rules
    ]
    return states, rules


def models_of(start):
    return [{key: model[key] for key in start} for model in finetuned({**start, "position_ids": torch.arange(5)})]


def base(dtype=torch.float64):
    draw = torch.Generator().manual_seed(3)
    shapes = {"fused.in_proj_weight": (30, 10), "wide.weight": (8, 21), "text_projection": (6, 6), "bias": (7,)}
    return {key: torch.randn(shape, generator=draw, dtype=torch.float64).to(dtype) for key, shape in shapes.items()}


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_every_matrix_is_cut_to_its_share_of_the_rank_text_projections_too(dtype):
    start = base(dtype)
    models = models_of(start)
    states, rules = made(start, models)
    for model, state, rule in zip(models, states, rules, strict=True):
        for key in ("fused.in_proj_weight", "wide.weight", "text_projection"):
            delta = (model[key] - start[key]).double().numpy()
            expected, found = dense.tsv_c(delta, 3), rule.tensor(key).update.double().numpy()
            assert np.linalg.norm(found - expected) < (1e-10 if dtype == torch.float64 else 1e-5) * np.linalg.norm(
                expected
            )
            assert torch.equal(state[key], start[key] + rule.tensor(key).update)
        assert torch.equal(state["bias"], model["bias"])
    # floor(10 / 3) directions of 30 + 10 numbers each, floor(8 / 3) of 29, floor(6 / 3) of 12.
    kept = [rules[0].tensor(key).keep for key in start]
    assert kept == [pytest.approx(3 * 40 / 300), pytest.approx(2 * 29 / 168), pytest.approx(2 * 12 / 36), 1.0]


def test_compression_and_a_fused_weight_in_three():
    start = base()
    models = models_of(start)
    key = "fused.in_proj_weight"
    _, rules = made(start, models, compression=5, qkv="split")
    delta = (models[1][key] - start[key]).numpy()
    expected = np.vstack([dense.tsv_c(delta[rows], 5) for rows in (slice(10), slice(10, 20), slice(20, 30))])
    np.testing.assert_allclose(rules[1].tensor(key).update, expected, atol=1e-10)
    assert rules[1].tensor(key).keep == pytest.approx(3 * 2 * 20 / 300)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.float64])
def test_what_nothing_is_cut_of_comes_back_to_the_last_bit(dtype):
    start = pretrained(dtype)
    models = finetuned(start, count=2, spread=1.0)
    alone, _ = made(start, models[:1])
    assert same({**alone[0], "position_ids": models[0]["position_ids"]}, models[0])
    whole, _ = made(start, models, compression=1)
    for state, model in zip(whole, models, strict=True):
        assert same({**state, "position_ids": model["position_ids"]}, model)
    both, _ = made(start, models)
    for key in ("fc1.bias", "conv.weight", "scale"):
        assert torch.equal(both[1][key], models[1][key])


def test_more_tasks_than_directions_keep_the_matrix_whole_with_a_warning(caplog):
    draw = torch.Generator().manual_seed(0)
    start = {"w": torch.zeros(3, 2)}
    models = [{"w": torch.randn(3, 2, generator=draw)} for _ in range(3)]
    with caplog.at_level(logging.WARNING):
        states, rules = made(start, models)
    assert all(same(state, model) for state, model in zip(states, models, strict=True))
    assert rules[0].tensor("w").keep == 1.0
    assert "w, (3, 2), has fewer directions than there are models to share them: every task keeps it" in caplog.text


def test_low_rank_and_unmoved_matrices():
    draw = np.random.default_rng(5)
    low = torch.tensor(draw.standard_normal((12, 2)) @ draw.standard_normal((2, 10)))
    start = {"w": torch.zeros(12, 10, dtype=torch.float64)}
    states, rules = made(start, [{"w": low}, {"w": torch.zeros_like(low)}])
    np.testing.assert_allclose(states[0]["w"], low, atol=1e-12)
    assert not states[1]["w"].any()
    # Two of the five directions that it may keep are all there are.
    assert rules[0].tensor("w").keep == pytest.approx(2 * 22 / 120) and rules[1].tensor("w").keep == 0


def test_the_order_of_models_changes_the_order_of_answers_alone():
    start = base(torch.float32)
    models = models_of(start)
    forward, backward = made(start, models)[0], made(start, models[::-1])[0]
    assert all(same(one, other) for one, other in zip(forward, backward[::-1], strict=True))


def test_random_drops_may_go_before():
    zoo = tiny_zoo(3)
    result = merge(zoo, Recipe(method="tsv_c", pre=("dare",), seed=4))
    plain = merge(zoo, Recipe(method="tsv_c"))
    assert result.digest != plain.digest and result.name == "DARE + TSV-C (given the task) seed 4"
