"""WUDI against the published loop written with torch's own Adam, and its minimum against everything near it."""

import numpy as np
import pytest
import torch

from mloss_core.errors import InvalidOptionError
from mloss_core.merging import merge_state_dicts
from tests.mloss_core.merging import dense_spectral as dense
from tests.mloss_core.merging.models import close, finetuned, pretrained, same

DRAW = np.random.default_rng(7)
DELTAS = [DRAW.standard_normal((9, 6)) * 0.1 for _ in range(3)]


def update(deltas, dtype=torch.float64, **options):
    start = {"w": torch.zeros(deltas[0].shape, dtype=dtype)}
    models = [{"w": torch.as_tensor(delta).to(dtype)} for delta in deltas]
    return merge_state_dicts(start, models, "wudi", **options)["w"].double().numpy()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("shape", [(9, 6), (6, 9)])
def test_it_is_the_published_loop(shape, dtype):
    deltas = [delta.reshape(shape).astype(np.float32).astype(np.float64) for delta in DELTAS]
    for options in ({}, {"steps": 20, "learning_rate": 1e-3}):
        expected = dense.wudi(deltas, **options)
        error = np.linalg.norm(update(deltas, dtype, **options) - expected) / np.linalg.norm(expected)
        assert error < (1e-9 if dtype == torch.float64 else 1e-5)
        assert np.linalg.norm(expected - sum(deltas)) > 1e-3


def test_adam_lowers_the_loss_and_no_matrix_has_less_than_least_squares():
    start, stepped = dense.wudi_loss(sum(DELTAS), DELTAS), dense.wudi_loss(update(DELTAS), DELTAS)
    best = update(DELTAS, solver="least_squares", ridge=1e-12)
    least = dense.wudi_loss(best, DELTAS)
    assert least < stepped < start
    for _ in range(50):
        assert dense.wudi_loss(best + 1e-3 * DRAW.standard_normal(best.shape), DELTAS) > least
    further = dense.wudi(DELTAS, steps=4000, learning_rate=1e-3)
    assert dense.wudi_loss(further, DELTAS) == pytest.approx(least, rel=1e-4)


@pytest.mark.parametrize("solver", ["adam", "least_squares"])
def test_one_model_is_itself_and_so_is_one_that_moved_alone(solver):
    np.testing.assert_array_equal(update(DELTAS[:1], solver=solver), DELTAS[0])
    np.testing.assert_array_equal(update([DELTAS[0], np.zeros((9, 6))], solver=solver), DELTAS[0])


@pytest.mark.parametrize("solver", ["adam", "least_squares"])
def test_task_vectors_with_rows_in_different_directions_are_summed(solver):
    # Rows of the first lie in the first two columns, those of the second in the rest: neither feels the other.
    apart = [np.zeros((4, 5)), np.zeros((4, 5))]
    apart[0][:, :2], apart[1][:, 2:] = DRAW.standard_normal((4, 2)), DRAW.standard_normal((4, 3))
    np.testing.assert_allclose(update(apart, solver=solver, steps=50), sum(apart), atol=1e-4)


@pytest.mark.parametrize("options", [{}, {"solver": "least_squares"}])
def test_the_order_of_models_low_rank_half_precision_and_more_models_than_rows(options):
    np.testing.assert_allclose(update(DELTAS[::-1], **options), update(DELTAS, **options), atol=1e-9)
    low = [DRAW.standard_normal((6, 1)) @ DRAW.standard_normal((1, 6)) for _ in range(2)]
    found = update(low, **options)
    assert np.isfinite(found).all() and dense.wudi_loss(found, low) <= dense.wudi_loss(sum(low), low)
    tiny = [DRAW.standard_normal((2, 2)) for _ in range(5)]
    assert np.isfinite(update(tiny, **options)).all()
    assert np.isfinite(update(DELTAS, torch.float16, **options)).all()


def test_other_tensors_are_averaged_and_the_scale_stays_apart():
    start = pretrained(torch.float64)
    models = finetuned(start)
    found, mean = merge_state_dicts(start, models, "wudi"), merge_state_dicts(start, models, "average")
    others = ("fc1.bias", "conv.weight", "scale")
    assert close({key: found[key] for key in others}, {key: mean[key] for key in others})
    half = merge_state_dicts(start, models, "wudi", scale=0.5)
    key = "fc1.weight"
    assert torch.allclose(half[key] - start[key], 0.5 * (found[key] - start[key]))
    assert same(merge_state_dicts(start, models, "wudi"), found)


def test_a_fused_weight_may_be_taken_in_three():
    fused = [DRAW.standard_normal((9, 4)) for _ in range(2)]
    start = {"in_proj_weight": torch.zeros(9, 4, dtype=torch.float64)}
    models = [{"in_proj_weight": torch.as_tensor(delta)} for delta in fused]
    found = merge_state_dicts(start, models, "wudi", qkv="split", steps=30)["in_proj_weight"].numpy()
    np.testing.assert_allclose(found[3:6], dense.wudi([delta[3:6] for delta in fused], steps=30), atol=1e-10)


def test_no_steps_is_the_sum_and_a_bad_solver_is_refused():
    np.testing.assert_allclose(update(DELTAS, steps=0), sum(DELTAS), atol=1e-12)
    with pytest.raises(InvalidOptionError, match="solver must be one of adam, least_squares"):
        update(DELTAS, solver="sgd")
