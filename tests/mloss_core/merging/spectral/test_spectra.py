"""What the spectrum view shows is what the methods do."""

import numpy as np
import pytest
import torch

from mloss_core.errors import InvalidOptionError, LayerNotFoundError
from mloss_core.lab.running import run_now
from mloss_core.merging import merge
from mloss_core.merging.matrices import MATRICES
from mloss_core.merging.spectral.spectra import block_key, layer_spectra, matrices_of, task_interference
from mloss_core.recipe import Recipe
from tests.zoos import tiny_zoo


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3)


def values(zoo, method, key, **options):
    update = merge(zoo, Recipe(method=method, options=options)).update[key]
    return torch.linalg.svdvals(update.double()).numpy()


@pytest.mark.parametrize("matrix", MATRICES)
def test_spectra_are_those_of_the_merges(zoo, matrix):
    found, key = layer_spectra(zoo, 2, matrix), block_key(2, matrix)
    assert zoo.pretrained.weights[key].shape == matrices_of(zoo.architecture)[matrix]
    np.testing.assert_allclose(found.task_arithmetic, values(zoo, "task_arithmetic", key), rtol=1e-5)
    np.testing.assert_allclose(found.tsv_m, values(zoo, "tsv_m", key), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(found.iso_cts, values(zoo, "iso_cts", key), rtol=1e-4, atol=1e-7)
    np.testing.assert_allclose(np.full(len(found.tsv_m), found.iso_c), values(zoo, "iso_c", key), rtol=1e-4)
    assert found.models.shape == (3, len(found.task_arithmetic))


def test_iso_cts_takes_its_common_fraction(zoo):
    key = block_key(0, "mlp.c_fc.weight")
    found = layer_spectra(zoo, 0, common_fraction=1.0)
    np.testing.assert_allclose(found.iso_cts, values(zoo, "iso_c", key), rtol=1e-4)


def dense_interference(zoo, key, count):
    parts = [
        torch.linalg.svd((s.weights[key] - zoo.pretrained.weights[key]).double(), full_matrices=False)
        for s in zoo.sources()
    ]
    left = torch.cat([u[:, :count] for u, _, _ in parts], 1)
    right = torch.cat([v[:count].T for _, _, v in parts], 1)
    middle = torch.diag(torch.cat([s[:count] for _, s, _ in parts]))
    one = torch.eye(middle.shape[0], dtype=torch.float64)
    return float(((left.T @ left - one) @ middle @ (right.T @ right - one)).abs().sum())


def test_interference_is_the_published_formula(zoo):
    told = []
    found = task_interference(zoo, "attn.out_proj.weight", progress=lambda fraction, _="": told.append(fraction))
    count = zoo.architecture.width // 3
    expected = [dense_interference(zoo, block_key(block, "attn.out_proj.weight"), count) for block in range(4)]
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert told == [0.25, 0.5, 0.75, 1.0]
    assert layer_spectra(zoo, 1, "attn.out_proj.weight").interference == pytest.approx(expected[1], rel=1e-4)


def test_one_model_does_not_interfere_with_itself(zoo):
    assert task_interference(zoo.subset(zoo.tasks[:1])).max() < 1e-9


def test_what_does_not_exist_is_refused(zoo):
    with pytest.raises(LayerNotFoundError, match="blocks must be among 0 to 3"):
        layer_spectra(zoo, 9)
    with pytest.raises(InvalidOptionError, match=r"a block has the matrices attn.in_proj_weight"):
        layer_spectra(zoo, 0, "ln_1.weight")
    with pytest.raises(InvalidOptionError, match="common_fraction must be from 0 to 1; found 2"):
        layer_spectra(zoo, 0, common_fraction=2)


def test_as_a_job(zoo, monkeypatch):
    monkeypatch.setattr("mloss_core.opening.open_zoo", lambda name, device="auto", progress=None: zoo)
    found = run_now("spectra", {"zoo": "demo", "matrix": "mlp.c_fc.weight", "block": 1, "fraction": 0.5}, "cpu")
    assert set(found.arrays) == {"task_arithmetic", "tsv_m", "iso_cts", "models"} and found.meta["block"] == 1
    every = run_now("spectra", {"zoo": "demo", "matrix": "mlp.c_fc.weight", "tasks": list(zoo.tasks[:2])}, "cpu")
    assert every.arrays["interference"].shape == (4,) and every.meta["tasks"] == list(zoo.tasks[:2])
    with pytest.raises(InvalidOptionError, match="fraction must be a number"):
        run_now("spectra", {"zoo": "demo", "matrix": "mlp.c_fc.weight", "fraction": "x"}, "cpu")
