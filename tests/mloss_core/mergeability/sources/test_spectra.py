import numpy as np
import pytest
import torch

from mloss_core.caching import Cache
from mloss_core.mergeability.metrics.record import Undefined
from mloss_core.mergeability.metrics.registry import METRICS
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
    """a changes output i by input i, b output 11 - i by input i: of ten leading inputs eight are common.

    b's values rise, so that its leading inputs are 2 to 11, and its leading outputs 9 to 0.
    """
    a, b = torch.diag(torch.arange(12.0, 0, -1)), torch.diag(torch.arange(1.0, 13)).flip(0)
    facts = found(zoo_of({"w": torch.zeros(12, 12)}, a={"w": a}, b={"w": b}), cache)
    assert facts["values"] == pytest.approx([1.0]) and facts["ranks"].tolist() == [12]
    assert facts["right_top"] == pytest.approx([np.sqrt(8 / 10)]) == facts["right_bottom"]
    assert facts["left_top"] == pytest.approx([1.0])


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
    monkeypatch.setattr(spectra, "_directions", lambda *given: counted.append(1) or real(*given))
    pairs = [(a, b) for a in "abcd" for b in "abcd" if a < b]
    assert len(dict(overlaps(zoo, pairs, MLossOptions(), silent, cache))) == 6 and len(counted) == 4
    list(overlaps(zoo, pairs, MLossOptions(), silent, cache))
    assert len(counted) == 4


def low_rank(seed, rank, rows=40, columns=24):
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(rows, rank, generator=draw) @ torch.randn(rank, columns, generator=draw) / 30


def merged_lora(dtype, ranks=(4, 4)):
    """Two models that are one with a change of low rank added, and rounded to a precision."""
    base = torch.randn(40, 24, generator=torch.Generator().manual_seed(9)).to(dtype).float()
    changes = [low_rank(seed, rank) for seed, rank in enumerate(ranks)]
    tuned = [(base + change).to(dtype).float() for change in changes]
    return zoo_of({"w": base}, a={"w": tuned[0]}, b={"w": tuned[1]}), changes


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("ranks", [(4, 4), (4, 12)])
def test_directions_beyond_the_rank_are_not_compared(cache, dtype, ranks):
    """Of merged LoRA the overlaps do not exist, and interference is that of the changes' own triplets."""
    zoo, (a, b) = merged_lora(dtype, ranks)
    facts = found(zoo, cache)
    assert {name for name, numbers in facts.items() if len(numbers)} == {"values", "interference", "ranks"}
    assert facts["ranks"].tolist() == [4]
    (left_a, first, right_a), (left_b, second, right_b) = (np.linalg.svd(one.double().numpy()) for one in (a, b))
    j, k = (min(rank, 10) for rank in ranks)
    crosses = left_a[:, :j].T @ left_b[:, :k], right_a[:j] @ right_b[:k].T
    tolerance = {torch.float32: 1e-5, torch.float16: 1e-2, torch.bfloat16: 0.1}[dtype]
    assert facts["interference"] == pytest.approx([interference(*crosses, first, second)], rel=tolerance)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_changes_of_full_rank_are_compared_as_published(cache, dtype):
    zoo, _ = merged_lora(dtype, (24, 24))
    facts = found(zoo, cache)
    assert facts["ranks"].item() >= 22 and {len(numbers) for numbers in facts.values()} == {1}
    changes = [(zoo.finetuned[name].weights["w"] - zoo.pretrained.weights["w"]).double().numpy() for name in "ab"]
    top = [np.linalg.svd(change)[2][:10] for change in changes]
    assert facts["right_top"] == pytest.approx([np.linalg.norm(top[0] @ top[1].T) / np.sqrt(10)])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_the_rounding_floor_bounds_what_rounding_does(dtype):
    weights = torch.randn(200, 80, generator=torch.Generator().manual_seed(0)) * torch.logspace(-3, 0, 80)
    rounded = weights.to(dtype).float()
    error = torch.linalg.matrix_norm((weights.double() - rounded.double()), 2).item()
    floor = spectra.rounding_floor(rounded)
    assert error <= floor if dtype != torch.float32 else 0 < floor < 1e-4
    assert dtype == torch.float32 or floor < 6 * error


def test_metrics_say_why_there_is_none(cache):
    zoo, _ = merged_lora(torch.float16)
    facts = found(zoo, cache)
    for name in ("subspace_overlap", "right_subspace_overlap_bottom_k", "interaction_matrix_overlap_top_k"):
        why = METRICS[name].function(facts)
        assert isinstance(why, Undefined) and "rank of at most 4, fewer" in why.reason, name
    assert METRICS["singular_task_interference"].function(facts) > 0
    assert METRICS["singular_value_overlap"].function(facts) == pytest.approx(1, abs=0.2)


def test_a_matrix_of_low_rank_leaves_the_mean_of_the_others(cache):
    """One matrix changed in full and one in four directions: the overlaps are those of the first."""
    zoo, _ = merged_lora(torch.float32, (24, 24))
    alone = found(zoo, cache)
    low, _ = merged_lora(torch.float32)
    states = [
        {"w": encoder.weights["w"], "v": low.encoder(encoder.name).weights["w"]}
        for encoder in (zoo.pretrained, *zoo.sources())
    ]
    both = found(zoo_of(states[0], a=states[1], b=states[2]), Cache(cache.root / "other"))
    assert both["left_top"].tolist() == alone["left_top"].tolist() and both["ranks"].tolist() == [24, 4]
    assert len(both["interference"]) == 2
