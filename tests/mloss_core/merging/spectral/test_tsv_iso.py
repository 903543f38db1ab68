import logging

import numpy as np
import pytest
import torch

from mloss_core.caching import SPECTRA
from mloss_core.merging import merge, merge_state_dicts
from mloss_core.merging.spectral.tsv_iso import subspace_sizes
from mloss_core.merging.tensors import spectrum_store
from mloss_core.recipe import Recipe
from tests.mloss_core.merging import dense_spectral as dense
from tests.mloss_core.merging.models import close, finetuned, pretrained, same
from tests.zoos import tiny_zoo

SPECTRAL = ("tsv_m", "iso_c", "iso_cts")
SHAPES = {"fused.in_proj_weight": (30, 10), "wide.weight": (8, 21), "square.proj": (12, 12), "text_projection": (5, 5)}
VARIANTS = [
    ("tsv_m", {}),
    ("tsv_m", {"compression": 2}),
    ("tsv_m", {"compression": 1}),
    ("tsv_m", {"orthogonalise": False}),
    ("iso_c", {}),
    ("iso_c", {"beta": 0.4}),
    ("iso_c", {"beta": 0.0}),
    ("iso_cts", {}),
    ("iso_cts", {"common_fraction": 0.3}),
    ("iso_cts", {"common_fraction": 0.0}),
    ("iso_cts", {"common_fraction": 1.0}),
]


@pytest.fixture(autouse=True)
def empty():
    spectrum_store.forget()


def base(dtype=torch.float64):
    draw = torch.Generator().manual_seed(3)
    state = {key: torch.randn(shape, generator=draw, dtype=torch.float64).to(dtype) for key, shape in SHAPES.items()}
    return {**state, "position_ids": torch.arange(5)}


def deltas(start, models, key):
    return [(model[key].double() - start[key].double()).numpy() for model in models]


def update(start, models, method, key="w", **options):
    found = merge_state_dicts(start, models, method, scale=1.0, **options)
    return (found[key].double() - start[key].double()).numpy()


def lone(*matrices):
    """One matrix of several models whose task vectors these are."""
    made = [torch.as_tensor(np.asarray(matrix), dtype=torch.float64) for matrix in matrices]
    return {"w": torch.zeros_like(made[0])}, [{"w": matrix} for matrix in made]


def gaussian(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize(("method", "options"), VARIANTS)
def test_each_method_is_its_formula(method, options, dtype):
    start = base(dtype)
    models = finetuned(start)
    for key in ("fused.in_proj_weight", "wide.weight", "square.proj"):
        expected = getattr(dense, method)(deltas(start, models, key), **options)
        error = np.linalg.norm(update(start, models, method, key, **options) - expected) / np.linalg.norm(expected)
        assert error < (1e-10 if dtype == torch.float64 else 1e-5), key


@pytest.mark.parametrize("method", SPECTRAL)
def test_vectors_and_text_projections_are_averaged_and_may_be_summed_scaled_or_left(method):
    start = pretrained(torch.float64)
    models = finetuned(start)
    mean = merge_state_dicts(start, models, "average")
    for key in ("fc1.bias", "conv.weight", "scale"):
        step = mean[key] - start[key]
        for options, factor in (
            ({}, 1),
            ({"vectors": "sum"}, 3),
            ({"vectors": "zero"}, 0),
            ({"vector_factor": 0.5}, 0.5),
        ):
            found = merge_state_dicts(start, models, method, scale=1.0, **options)
            assert torch.allclose(found[key], start[key] + factor * step, rtol=0, atol=1e-14)
    start = base()
    models = finetuned(start)
    found = merge_state_dicts(start, models, method)["text_projection"]
    assert torch.equal(found, merge_state_dicts(start, models, "average")["text_projection"])


def test_a_fused_attention_weight_can_be_decomposed_in_three():
    start = base()
    models = finetuned(start)
    key = "fused.in_proj_weight"
    found = update(start, models, "iso_c", key, qkv="split")
    third = [dense.iso_c([delta[rows] for delta in deltas(start, models, key)]) for rows in (slice(10), slice(10, 20))]
    np.testing.assert_allclose(found[:20], np.vstack(third), atol=1e-10)
    assert not np.allclose(found, update(start, models, "iso_c", key), atol=1e-3)


def test_two_by_two_by_hand():
    start, models = lone(np.diag([3.0, 0.0]), np.diag([0.0, 1.0]))
    np.testing.assert_allclose(update(start, models, "iso_c"), np.diag([2.0, 2.0]), atol=1e-12)
    np.testing.assert_allclose(update(start, models, "iso_c", beta=0.5), np.diag([2.5, 1.5]), atol=1e-12)
    np.testing.assert_allclose(update(start, models, "tsv_m"), np.diag([3.0, 1.0]), atol=1e-12)
    # With f = 0 one direction is each model's own, none is common: strength (3 + 1) / 2.
    np.testing.assert_allclose(update(start, models, "iso_cts", common_fraction=0.0), np.diag([2.0, 2.0]), atol=1e-12)


def test_orthogonal_task_vectors_of_low_rank_are_summed_by_tsv_m():
    left, right = np.linalg.qr(gaussian(10, 9))[0], np.linalg.qr(gaussian(9, 9, seed=1))[0]
    parts = [
        left[:, rows] @ np.diag([3.0, 2.0, 1.0]) @ right[:, rows].T for rows in (slice(3), slice(3, 6), slice(6, 9))
    ]
    np.testing.assert_allclose(update(*lone(*parts), "tsv_m"), sum(parts), atol=1e-12)


def test_without_flattening_iso_c_is_task_arithmetic_and_without_own_directions_iso_cts_is_iso_c():
    start = base(torch.float32)
    models = finetuned(start)
    matrices = sorted(set(SHAPES) - {"text_projection"})
    arithmetic = merge_state_dicts(start, models, "task_arithmetic", scale=0.7)
    plain = merge_state_dicts(start, models, "iso_c", beta=0.0, scale=0.7)
    assert close({key: plain[key] for key in matrices}, {key: arithmetic[key] for key in matrices})
    iso_c = merge_state_dicts(start, models, "iso_c")
    assert same(merge_state_dicts(start, models, "iso_cts", common_fraction=1.0), iso_c)
    assert close(merge_state_dicts(start, models[:1], "iso_cts"), merge_state_dicts(start, models[:1], "iso_c"))


def test_iso_c_has_a_flat_spectrum_of_at_most_the_norm_of_the_sum():
    start, models = lone(gaussian(9, 6), gaussian(9, 6, seed=1))
    values = np.linalg.svd(update(start, models, "iso_c"), compute_uv=False)
    total = models[0]["w"] + models[1]["w"]
    np.testing.assert_allclose(values, np.linalg.svd(total.numpy(), compute_uv=False).mean(), rtol=1e-12)
    assert np.linalg.norm(values) <= float(total.norm())


@pytest.mark.parametrize("method", ["tsv_m", "iso_c"])
def test_turned_and_transposed_models_give_turned_and_transposed_merges(method):
    first, second = gaussian(9, 6), gaussian(9, 6, seed=1)
    found = update(*lone(first, second), method)
    np.testing.assert_allclose(update(*lone(first.T, second.T), method), found.T, atol=1e-12)
    turn = np.linalg.qr(gaussian(9, 9, seed=2))[0]
    np.testing.assert_allclose(update(*lone(turn @ first, turn @ second), method), turn @ found, atol=1e-12)


def test_twice_the_same_model_is_one_that_counts_twice_or_its_leading_half():
    delta = gaussian(9, 6)
    left, values, right = dense.svd(delta)
    half = (left[:, :3] * values[:3]) @ right[:, :3].T
    np.testing.assert_allclose(update(*lone(delta, delta), "tsv_m"), half, atol=1e-12)
    np.testing.assert_allclose(update(*lone(delta, delta), "iso_c"), 2 * dense.iso_c([delta]), atol=1e-12)
    # 5 common directions of strength 2 s each; round((6 - 4) / 2) = 1 of each model's own, the same, which they share.
    kept = [2 * values[:4].sum(), 2 * values[4]]
    found = update(*lone(delta, delta), "iso_cts")
    np.testing.assert_allclose(found, sum(kept) / 6 * left[:, :5] @ right[:, :5].T, atol=1e-12)


@pytest.mark.parametrize("precision", [torch.float64, torch.float32])
def test_low_rank_task_vectors_get_no_directions_made_up(precision):
    draw = np.random.default_rng(5)
    low = [draw.standard_normal((12, 2)) @ draw.standard_normal((2, 10)) for _ in range(2)]
    start, models = (
        {"w": torch.zeros(12, 10, dtype=precision)},
        [{"w": torch.tensor(each, dtype=precision)} for each in low],
    )
    for method in SPECTRAL:
        found = update(start, models, method)
        values = np.linalg.svd(found, compute_uv=False)
        assert (values > 1e-3 * values[0]).sum() == 4, method
        span = np.linalg.svd(np.hstack(low))[0][:, :4]
        np.testing.assert_allclose(span @ span.T @ found, found, atol=1e-4)
    full = np.linalg.svd(update(start, models, "iso_c", rank="full"), compute_uv=False)
    np.testing.assert_allclose(full, full[0], rtol=1e-5)


@pytest.mark.parametrize("method", SPECTRAL)
def test_models_that_did_not_change_a_matrix_or_that_cancel(method):
    delta = gaussian(8, 6)
    for second in (np.zeros((8, 6)), -delta):
        found = update(*lone(delta, second), method)
        assert np.isfinite(found).all()
    if method != "tsv_m":
        assert not update(*lone(delta, -delta), "iso_c").any()
    # A third of a fused weight that nobody changed stays as it is.
    start = base(torch.float32)
    models = finetuned(start, count=2)
    for model in models:
        model["fused.in_proj_weight"][10:20] = start["fused.in_proj_weight"][10:20]
    assert not update(start, models, method, "fused.in_proj_weight", qkv="split")[10:20].any()


def test_more_models_than_directions_are_averaged_with_a_warning(caplog):
    start, models = lone(*(gaussian(3, 2, seed=seed) for seed in range(3)))
    with caplog.at_level(logging.WARNING):
        found = update(start, models, "tsv_m")
    np.testing.assert_allclose(found, sum(model["w"].numpy() for model in models) / 3, atol=1e-12)
    assert "w, (3, 2), has fewer directions than there are models" in caplog.text
    for method in ("iso_c", "iso_cts"):
        np.testing.assert_allclose(
            update(start, models, method), dense.iso_c([model["w"].numpy() for model in models]), atol=1e-12
        )


def test_half_precision_is_merged_in_float64_arithmetic_with_a_warning(caplog):
    start = base(torch.float16)
    models = finetuned(start, spread=1.0)
    with caplog.at_level(logging.WARNING):
        found = update(start, models, "iso_c", "wide.weight")
    assert "4 tensors are stored in half precision, fused.in_proj_weight among them" in caplog.text
    np.testing.assert_allclose(found, dense.iso_c(deltas(start, models, "wide.weight")), atol=5e-3)


def test_low_rank_is_told_once(caplog):
    low = gaussian(6, 1) @ gaussian(1, 6)
    start = {"a": torch.zeros(6, 6), "b": torch.zeros(6, 6)}
    model = {key: torch.as_tensor(low, dtype=torch.float32) for key in start}
    with caplog.at_level(logging.WARNING):
        merge_state_dicts(start, [model, model], "iso_c")
    assert [record.message[:43] for record in caplog.records] == ["a has fewer directions than its shape allows"[:43]]


def test_subspaces_share_the_rank_and_are_never_negative():
    assert [subspace_sizes(768, models, 0.8) for models in (8, 14, 20)] == [(616, 19), (614, 11), (608, 8)]
    assert [subspace_sizes(1024, models, 0.8) for models in (8, 14, 20)] == [(816, 26), (814, 15), (824, 10)]
    assert subspace_sizes(50, 20, 0.8) == (50, 0) and subspace_sizes(100, 2, 0.29) == (28, 36)
    for rank in (1, 2, 50, 77, 197, 768):
        for models in range(1, 21):
            for tenths in range(11):
                common, own = subspace_sizes(rank, models, tenths / 10)
                assert common >= 0 and own >= 0 and common + models * own == rank


@pytest.mark.parametrize("method", SPECTRAL)
def test_random_drops_may_go_before(method):
    zoo, bias = tiny_zoo(), "transformer.resblocks.0.mlp.c_fc.bias"
    dropped = merge(zoo, Recipe(method=method, pre=("dare",), seed=4))
    averaged = merge(zoo, Recipe(method="average", pre=("dare",), seed=4))
    assert torch.equal(dropped.update[bias], averaged.update[bias])
    assert dropped.realised_keep == averaged.realised_keep and 0.6 < dropped.kept_fraction < 0.8
    alone = merge(zoo, Recipe(method=method, pre=("dare",), tasks=zoo.tasks[:1]))
    assert alone.exact is None


@pytest.mark.parametrize("method", SPECTRAL)
def test_moving_the_scale_or_merging_again_decomposes_nothing(method, monkeypatch):
    zoo = tiny_zoo()
    result = merge(zoo, Recipe(method=method))
    first = dict(result.state_dict(0.5))

    def refuse(*arguments, **options):
        raise AssertionError("decomposed again")

    monkeypatch.setattr(torch.linalg, "eigh", refuse)
    monkeypatch.setattr(torch.linalg, "svd", refuse)
    assert same(dict(result.state_dict(0.5)), first)
    again = merge(zoo, Recipe(method=method, options={"scale": 0.5}))
    assert same(dict(again.state_dict()), first)


def test_large_decompositions_are_found_on_disk(tmp_path, monkeypatch):
    monkeypatch.setenv("MLOSS_CACHE", str(tmp_path))
    monkeypatch.setattr(spectrum_store, "LARGE", 1)
    zoo = tiny_zoo()
    first = merge(zoo, Recipe(method="iso_cts"))
    assert list((tmp_path / SPECTRA).glob("*.safetensors"))
    spectrum_store.forget()
    monkeypatch.setattr(torch.linalg, "eigh", None)
    monkeypatch.setattr(torch.linalg, "svd", None)
    assert merge(zoo, Recipe(method="iso_cts")).digest == first.digest
