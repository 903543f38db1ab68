"""ACTMat against its formula with NumPy's pseudo-inverse."""

import numpy as np
import pytest
import torch

from mloss_core.merging import merge_state_dicts

DRAW = np.random.default_rng(11)
TALL, WIDE = ([DRAW.standard_normal(shape) * 0.1 for _ in range(3)] for shape in ((9, 6), (5, 12)))
LOW_RANK = [DRAW.standard_normal((8, 2)) @ DRAW.standard_normal((2, 10)) for _ in range(3)]


def update(deltas, dtype=torch.float64, **options):
    start = {"w": torch.zeros(deltas[0].shape, dtype=dtype)}
    models = [{"w": torch.as_tensor(delta).to(dtype)} for delta in deltas]
    return merge_state_dicts(start, models, "actmat", **options)["w"].double().numpy()


def dense(deltas, ridge=0.0):
    moments = sum(delta.T @ delta for delta in deltas)
    target = sum(delta @ delta.T @ delta for delta in deltas)
    raised = moments + ridge * np.trace(moments) / len(moments) * np.eye(len(moments))
    return target @ np.linalg.pinv(raised, rcond=1e-10, hermitian=True)


@pytest.mark.parametrize("deltas", [TALL, WIDE, LOW_RANK], ids=["tall", "wide", "low rank"])
def test_it_is_the_formula(deltas):
    np.testing.assert_allclose(update(deltas), dense(deltas), atol=1e-6 * np.abs(deltas).max())


def test_a_ridge_shrinks_the_update():
    np.testing.assert_allclose(update(TALL, ridge=0.1), dense(TALL, ridge=0.1), atol=1e-9)
    assert np.linalg.norm(update(TALL, ridge=0.1)) < np.linalg.norm(update(TALL))


def test_inputs_that_are_only_just_spanned_do_not_destroy_the_merge():
    """Four models of two outputs on eight inputs, one row almost in the span of the others, as in real models."""
    draw = np.random.default_rng(5)
    deltas = [draw.standard_normal((2, 8)) for _ in range(4)]
    others = [*deltas[0], *deltas[1], *deltas[2], deltas[3][0]]
    deltas[3][1] = sum(others) + 1e-3 * draw.standard_normal(8)
    largest = max(np.linalg.norm(delta, 2) for delta in deltas)
    assert np.linalg.norm(update(deltas), 2) < 10 * largest
    assert np.linalg.norm(update(deltas, cutoff=1e-12), 2) > 100 * largest


def test_each_task_vector_is_kept_on_inputs_that_are_its_own():
    # Rows of the first lie in the first two columns, those of the second in the rest: neither takes from the other.
    apart = [np.zeros((4, 5)), np.zeros((4, 5))]
    apart[0][:, :2], apart[1][:, 2:] = DRAW.standard_normal((4, 2)), DRAW.standard_normal((4, 3))
    np.testing.assert_allclose(update(apart), sum(apart), atol=1e-9)


def test_a_lone_model_and_models_that_did_not_move():
    nothing = np.zeros((9, 6))
    np.testing.assert_array_equal(update(TALL[:1]), TALL[0])
    np.testing.assert_array_equal(update([TALL[0], nothing]), TALL[0])
    assert not update([nothing, nothing]).any()
    np.testing.assert_allclose(update([*TALL, nothing]), dense(TALL), atol=1e-9)


def test_twins_are_themselves():
    np.testing.assert_allclose(update([TALL[0], TALL[0]]), TALL[0], atol=1e-9)


def test_half_precision_comes_back_in_half_precision_and_close():
    rounded = [torch.as_tensor(delta).half().double().numpy() for delta in TALL]
    np.testing.assert_allclose(update(TALL, torch.float16), dense(rounded), atol=2e-4)


def test_vectors_get_the_mean_of_the_changes():
    base = {"w": torch.zeros(3, 2), "b": torch.zeros(3)}
    models = [{"w": torch.ones(3, 2), "b": torch.tensor([1.0, 0.0, size])} for size in (2.0, 4.0)]
    assert merge_state_dicts(base, models, "actmat")["b"].tolist() == [1.0, 0.0, 3.0]
