"""SVC against its formula direction by direction, and by hand."""

import logging

import numpy as np
import pytest
import torch

from mloss_core.merging import METHODS, merge, merge_state_dicts
from mloss_core.recipe import Recipe
from tests.mloss_core.merging import dense_spectral as dense
from tests.mloss_core.merging.models import close, extras, finetuned, pretrained, same
from tests.zoos import tiny_zoo

SINGLE = tuple(name for name, method in METHODS.items() if method.output == "single")
DRAW = np.random.default_rng(11)
DELTAS = [DRAW.standard_normal((9, 6)) for _ in range(3)]


def update(deltas, method="task_arithmetic", dtype=torch.float64, post=("svc",), scale=1.0, key="w", **options):
    start = {key: torch.zeros(np.shape(deltas[0]), dtype=dtype)}
    models = [{key: torch.as_tensor(np.asarray(delta)).to(dtype)} for delta in deltas]
    return merge_state_dicts(start, models, method, post=post, scale=scale, **options)[key].double().numpy()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("method", ["task_arithmetic", "ties", "tsv_m"])
@pytest.mark.parametrize(("post", "floor"), [("svc", None), ("svc:floor=0.1", 0.1), ("svc:floor=1", 1.0)])
def test_it_is_its_formula_on_whatever_was_merged(method, post, floor, dtype):
    deltas = [delta.astype(np.float32).astype(np.float64) for delta in DELTAS]
    merged = update(deltas, method, dtype, post=())
    expected = dense.svc(merged, deltas, floor)
    found = update(deltas, method, dtype, post=(post,))
    assert np.linalg.norm(found - expected) < (1e-10 if dtype == torch.float64 else 1e-5) * np.linalg.norm(expected)
    assert np.linalg.norm(found - merged) > 1e-2 * np.linalg.norm(merged)


def test_by_hand():
    # A shared direction of strength 2 from each of two models is counted twice; the models' own ones once.
    first, second = np.diag([2.0, 1.0, 0.0]), np.diag([2.0, 0.0, 1.5])
    np.testing.assert_allclose(update([first, second]), np.diag([2.0, 1.0, 1.5]), atol=1e-12)
    # Shares 4 / 3 and 4: the merged strength 4 becomes 4 * 2 / (16 / 3).
    np.testing.assert_allclose(update([[[3.0]], [[1.0]]]), [[1.5]], atol=1e-12)
    # Of opposite ones that leave 2 the second has the share -2, which counts as the floor, 1 / 2.
    np.testing.assert_allclose(update([[[3.0]], [[-1.0]]]), [[4 / (2 / 3 + 1 / 2)]], atol=1e-12)


def test_twice_the_same_model_is_that_model_and_orthogonal_ones_stay_summed():
    np.testing.assert_allclose(update([DELTAS[0]] * 3), DELTAS[0], atol=1e-12)
    apart = [np.diag([3.0, 2.0, 0.0, 0.0]), np.diag([0.0, 0.0, 1.0, 0.5])]
    np.testing.assert_allclose(update(apart), sum(apart), atol=1e-12)


@pytest.mark.parametrize("method", SINGLE)
def test_it_goes_after_every_method_and_touches_matrices_alone(method):
    start = pretrained(torch.float64)
    models, extra = finetuned(start), extras(method, start)
    plain = merge_state_dicts(start, models, method, **extra)
    found = merge_state_dicts(start, models, method, post=("svc",), **extra)
    others = [key for key in start if start[key].ndim != 2]
    assert same({key: found[key] for key in others}, {key: plain[key] for key in others})
    assert not torch.equal(found["fc1.weight"], plain["fc1.weight"])
    assert torch.equal(found["text.weight"], start["text.weight"])
    assert same(merge_state_dicts(start, models, method, post=("svc",), **extra), found)


def test_text_projections_stay_and_a_fused_weight_may_be_taken_in_three():
    np.testing.assert_array_equal(update(DELTAS, key="text_projection"), sum(DELTAS))
    key = "attn.in_proj_weight"
    found = update(DELTAS, key=key, post=("svc:qkv=split",))
    third = dense.svc(sum(DELTAS)[3:6], [delta[3:6] for delta in DELTAS])
    np.testing.assert_allclose(found[3:6], third, atol=1e-10)


def test_the_scale_stays_a_factor_and_the_order_of_models_does_not_matter():
    np.testing.assert_allclose(update(DELTAS, scale=0.3), 0.3 * update(DELTAS), atol=1e-12)
    np.testing.assert_allclose(update(DELTAS[::-1]), update(DELTAS), atol=1e-12)
    longer = [3 * delta for delta in DELTAS]
    np.testing.assert_allclose(update(longer), 3 * update(DELTAS), atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
def test_zero_vectors_low_rank_and_many_models_are_guarded(dtype):
    zero = np.zeros((9, 6))
    # A model that did not move has no say: what is left is the other one, counted once.
    tolerance = 1e-12 if dtype == torch.float64 else 1e-5
    np.testing.assert_allclose(update([DELTAS[0], zero], dtype=dtype), DELTAS[0], atol=tolerance)
    assert not update([zero, zero]).any() and not update([DELTAS[0], -DELTAS[0]]).any()
    # In directions in which a model of rank one has rounding noise alone it has no say either.
    left, right = np.linalg.qr(DRAW.standard_normal((9, 6)))[0], np.linalg.qr(DRAW.standard_normal((6, 6)))[0]
    low, beside = 3 * left[:, :1] @ right[:, :1].T, left[:, 1:] @ np.diag([5.0, 4.0, 2.0, 1.0, 0.5]) @ right[:, 1:].T
    found = update([low, beside], dtype=dtype)
    np.testing.assert_allclose(found, low + beside, atol=100 * tolerance)
    many = [DRAW.standard_normal((2, 2)) for _ in range(5)]
    np.testing.assert_allclose(update(many), dense.svc(sum(many), many), atol=1e-12)
    assert np.isfinite(update(DELTAS, dtype=torch.float16)).all()


def test_one_model_comes_back_to_the_last_bit():
    start = pretrained(torch.float16)
    (model,) = finetuned(start, count=1, spread=1.0)
    found = merge_state_dicts(start, [model], "task_arithmetic", scale=1.0, post=("svc",))
    assert same({**found, "position_ids": model["position_ids"]}, model)


def test_a_flat_spectrum_is_told(caplog):
    with caplog.at_level(logging.WARNING):
        update(DELTAS, "iso_c")
    assert "all singular values of the merged w are equal" in caplog.text


def test_in_a_zoo_it_is_kept_streamed_and_rescaled_alike(tmp_path):
    zoo = tiny_zoo(3)
    recipe = Recipe(method="task_arithmetic", post=("svc",))
    kept = merge(zoo, recipe)
    streamed = merge(zoo, recipe, out=tmp_path / "merged.safetensors")
    assert kept.digest == streamed.digest != merge(zoo, Recipe(method="task_arithmetic")).digest
    assert kept.name == "Task Arithmetic λ 0.3 + SVC"
    assert kept.rescaled(0.7).digest == merge(zoo, recipe.replace(options={"scale": 0.7})).digest
    plain = merge_state_dicts(
        zoo.pretrained.weights, [source.weights for source in zoo.sources()], "task_arithmetic", post=("svc",)
    )
    assert close(dict(kept.state_dict()), plain)
