import logging

import numpy as np
import pytest
import torch

from mloss_core.errors import CheckpointError
from mloss_core.merging import GivenStatistics, merge_state_dicts
from mloss_core.merging.data_driven.iasad import budget, pruned
from tests.mloss_core.merging import dense_data as dense
from tests.mloss_core.merging.models import close, finetuned

SHAPES = {"wide.weight": (8, 21), "tall.weight": (20, 9), "visual.proj": (12, 7), "bias": (5,)}
MATRICES = ("wide.weight", "tall.weight", "visual.proj")
VARIANTS = [{}, {"sparsity": 0.5}, {"prune_level": "element"}, {"center": False}, {"num_iters": 2, "rank_ratio": 0.4}]


def base(dtype=torch.float64):
    draw = torch.Generator().manual_seed(3)
    state = {key: torch.randn(shape, generator=draw, dtype=torch.float64).to(dtype) for key, shape in SHAPES.items()}
    return {**state, "position_ids": torch.arange(5)}


def strengths(models=3, seed=0):
    draw = torch.Generator().manual_seed(seed)
    sizes = {"wide.weight": 21, "tall.weight": 9, "visual.proj": 12}
    return {
        key: [4 * torch.rand(size, generator=draw, dtype=torch.float64) for _ in range(models)]
        for key, size in sizes.items()
    }


def updates(start, models, squares, **options):
    given = GivenStatistics(squares=squares)
    found = merge_state_dicts(start, models, "iso_iasad", statistics=given, scale=1.0, **options)
    return {key: (found[key].double() - start[key].double()).numpy() for key in found}


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-6), (torch.float32, 1e-4)])
@pytest.mark.parametrize("options", VARIANTS)
def test_it_is_its_formula(dtype, tolerance, options):
    start = base(dtype)
    models, squares = finetuned(start), strengths()
    found = updates(start, models, squares, **options)
    for key in MATRICES:
        deltas = [(model[key].double() - start[key].double()).numpy() for model in models]
        turned = [delta.T for delta in deltas] if key == "visual.proj" else deltas
        expected = dense.iso_iasad(turned, [each.numpy() for each in squares[key]], **options)
        expected = expected.T if key == "visual.proj" else expected
        assert np.abs(found[key] - expected).max() <= tolerance * np.abs(expected).max()
    assert np.allclose(found["bias"], np.mean([(m["bias"] - start["bias"]).double().numpy() for m in models], 0))


def test_the_strength_of_an_input_counts_only_beside_the_others():
    start = base()
    models, squares = finetuned(start), strengths()
    larger = {key: [100 * each for each in found] for key, found in squares.items()}
    first, second = updates(start, models, squares), updates(start, models, larger)
    assert all(np.allclose(first[key], second[key], atol=1e-7) for key in first)
    other = updates(start, models, strengths(seed=1))
    assert not np.allclose(first["wide.weight"], other["wide.weight"], atol=1e-4)


def test_the_order_of_models_goes_with_their_statistics():
    start = base()
    models, squares = finetuned(start), strengths()
    turned = {key: found[::-1] for key, found in squares.items()}
    one = {key: torch.as_tensor(each) for key, each in updates(start, models, squares).items()}
    assert close(one, {key: torch.as_tensor(each) for key, each in updates(start, models[::-1], turned).items()})


def test_the_budget_worked_by_hand():
    assert budget(768, 3072, 0.1, 0.75) == (414, pytest.approx(0.775))
    assert budget(4, 4, 0.0, 1.0) == (2, 1.0) and budget(1, 9, 0.1, 0.75)[0] == 1 and budget(30, 2, 0.99, 0.1)[0] == 1


def test_pruning_takes_the_smallest_of_each_row_or_of_all():
    matrix = torch.tensor([[1.0, -5.0, 2.0, 6.0], [-0.1, 0.3, 0.3, 0.2]])
    assert pruned(matrix, 0.5, "row").tolist() == [[0, -5.0, 0, 6.0], [0, pytest.approx(0.3), pytest.approx(0.3), 0]]
    assert pruned(matrix, 0.5, "element").tolist() == [[1.0, -5.0, 2.0, 6.0], [0, 0, 0, 0]]


def test_the_published_code_cancels_what_the_repair_restores(caplog):
    start = base()
    models, squares = finetuned(start), strengths()
    with caplog.at_level(logging.WARNING):
        fork = updates(start, models, squares, mode="fork")
    assert "removes the mean of the task vectors and never restores it" in caplog.text
    repaired = updates(start, models, squares)
    assert np.linalg.norm(fork["wide.weight"]) < 0.5 * np.linalg.norm(repaired["wide.weight"])
    assert np.allclose(fork["wide.weight"], updates(start, models, squares, restore_mean=False)["wide.weight"])


def test_missing_statistics_weigh_all_inputs_alike_and_are_told(caplog):
    start = base()
    models = finetuned(start)
    with caplog.at_level(logging.WARNING):
        found = updates(start, models, {})
    assert "no inputs of wide.weight were measured" in caplog.text
    ones = {"wide.weight": [torch.ones(21, dtype=torch.float64)] * 3}
    assert np.allclose(found["wide.weight"], updates(start, models, ones)["wide.weight"], atol=1e-7)


def test_equal_models_give_iso_c_and_unmoved_ones_nothing():
    start = base()
    twins = finetuned(start, count=1) * 2
    found, plain = updates(start, twins, strengths(2)), merge_state_dicts(start, twins, "iso_c", scale=1.0)
    assert np.allclose(found["wide.weight"], (plain["wide.weight"] - start["wide.weight"]).numpy(), atol=1e-9)


def test_statistics_that_are_not_finite_are_refused():
    start = base()
    broken = {"wide.weight": [torch.full((21,), float("inf"))] * 3}
    with pytest.raises(CheckpointError, match=r"the inputs of wide.weight for model 0 must be finite"):
        updates(start, finetuned(start), broken)
