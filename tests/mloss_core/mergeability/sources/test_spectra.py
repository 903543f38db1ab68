import numpy as np
import pytest
import torch

from mloss_core.caching import Cache
from mloss_core.mergeability.sources import spectra
from mloss_core.mergeability.sources.spectra import interference, overlaps
from mloss_core.recipe import MLossOptions
from mloss_core.types import silent
from tests.mloss_core.mergeability.sources.test_geometry import zoo_of


def found(zoo, cache, pair=("a", "b")):
    return dict(overlaps(zoo, [pair], MLossOptions(), silent, cache))[pair]


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path)


def test_hand_worked_directions(cache):
    """a changes output 0 by input 0, b output 1 by input 0: other left directions, the same right one."""
    a, b = torch.zeros(12, 12), torch.zeros(12, 12)
    a[0, 0], b[1, 0] = 2.0, 3.0
    facts = found(zoo_of({"w": torch.zeros(12, 12)}, a={"w": a}, b={"w": b}), cache)
    assert facts["values"] == pytest.approx([1.0])
    full = torch.linalg.svd(a.double())[0][:, :10].T.numpy() @ torch.linalg.svd(b.double())[0][:, :10].numpy()
    assert facts["left_top"] == pytest.approx([np.linalg.norm(full) / np.sqrt(10)])


def test_matrices_that_a_model_left_alone_have_no_directions(cache):
    base = {"w": torch.zeros(3, 4), "v": torch.zeros(4, 4), "bias": torch.zeros(4)}
    draw = torch.Generator().manual_seed(0)
    change = torch.randn(3, 4, generator=draw)
    zoo = zoo_of(
        base,
        a={"w": change, "v": torch.zeros(4, 4), "bias": torch.ones(4)},
        b={"w": change * 2, "v": torch.randn(4, 4, generator=draw), "bias": torch.ones(4)},
    )
    facts = found(zoo, cache)
    assert {name: len(values) for name, values in facts.items()} == dict.fromkeys(facts, 1)
    assert facts["right_top"] == pytest.approx([1.0]) and facts["values"] == pytest.approx([1.0])


def test_interference_is_the_dense_formula():
    draw = np.random.default_rng(0)
    (left_a, left_b, right_a, right_b) = (np.linalg.qr(draw.normal(size=(20, 4)))[0] for _ in range(4))
    first, second = np.sort(draw.uniform(1, 2, (2, 4)))[:, ::-1]
    left, right = np.hstack([left_a, left_b]), np.hstack([right_a, right_b])
    eye, sigma = np.eye(8), np.diag(np.concatenate([first, second]))
    dense = np.abs((left.T @ left - eye) @ sigma @ (right.T @ right - eye)).sum() / np.trace(sigma)
    assert interference(left_a.T @ left_b, right_a.T @ right_b, first, second) == pytest.approx(dense)


def test_a_model_is_decomposed_once_whatever_its_pairs(cache, monkeypatch):
    draw = torch.Generator().manual_seed(0)
    zoo = zoo_of({"w": torch.zeros(5, 5)}, **{name: {"w": torch.randn(5, 5, generator=draw)} for name in "abcd"})
    counted = []
    real = spectra._directions
    monkeypatch.setattr(spectra, "_directions", lambda change: counted.append(1) or real(change))
    pairs = [(a, b) for a in "abcd" for b in "abcd" if a < b]
    assert len(dict(overlaps(zoo, pairs, MLossOptions(), silent, cache))) == 6 and len(counted) == 4
    list(overlaps(zoo, pairs, MLossOptions(), silent, cache))
    assert len(counted) == 4
