"""PCB against the published formula over one dense matrix (model, entry), and by hand."""

import math

import numpy as np
import pytest
import torch

from mloss_core.merging import merge_state_dicts
from mloss_core.merging.inputs import MergeInputs
from mloss_core.merging.selection.options import PcbOptions
from mloss_core.merging.selection.pcb import pcb
from tests.mloss_core.merging import dense
from tests.mloss_core.merging.models import finetuned, pretrained, same

BASE = pretrained(torch.float64)
MODELS = finetuned(BASE, count=4)
MOVING = ("fc1.weight", "fc1.bias", "fc2.weight", "conv.weight", "scale")
FLAT = np.stack([np.concatenate([(m[key] - BASE[key]).numpy().reshape(-1) for key in MOVING]) for m in MODELS])


def dense_pcb(vectors, keep_rate, clamped):
    """Everything at once, sorted lists in place of streamed selection, and e^(T size) without a shift."""
    models, size = vectors.shape
    cut, kept = dense.floor(clamped, size), dense.floor(keep_rate, size)
    merged, mass = np.zeros(size), np.zeros(size)
    for vector in vectors:
        ordered = sorted(abs(vector))
        low, high = ordered[cut], ordered[size - 1 - cut]
        magnitude = np.clip(abs(vector), low, high)
        score = np.exp(models * ((magnitude - low) / (high - low)) ** 2) * np.tanh(vector * vectors.sum(0))
        ranked = sorted(score, reverse=True)
        least = ranked[min(kept, size - 1)]
        weight = (np.clip(score, least, None) - least) / (ranked[0] - least)
        merged += weight * np.sign(vector) * magnitude
        mass += weight
    return np.divide(merged, mass, out=np.zeros(size), where=mass > 0)


@pytest.mark.parametrize("keep_rate", [0.05, 0.3, 0.8, 1.0])
@pytest.mark.parametrize("clamped", [0.0, 0.02])
def test_pcb_equals_the_formula(keep_rate, clamped):
    found = merge_state_dicts(BASE, MODELS, "pcb", keep_rate=keep_rate, clamped=clamped, scale=1.0)
    flat = np.concatenate([(found[key] - BASE[key]).numpy().reshape(-1) for key in MOVING])
    np.testing.assert_allclose(flat, dense_pcb(FLAT, keep_rate, clamped), rtol=1e-6, atol=1e-12)


def test_pcb_by_hand():
    base = {"w": torch.zeros(2, 3, dtype=torch.float64)}
    models = [[[4.0, 0.0, 2.0], [0.0, 0.0, 0.0]], [[0.0, 0.0, 1.0], [2.0, 0.0, 0.0]]]
    states = [{"w": torch.tensor(model, dtype=torch.float64)} for model in models]
    found = merge_state_dicts(base, states, "pcb", keep_rate=0.34, clamped=0.0, scale=1.0)["w"]
    # Both models: two of six entries count; sizes 1 and 1/2, so e^2 and e^(1/2), over a least score of 0.
    # Products with the sums: 4 * 4 and 2 * 3 in the first, 2 * 2 and 1 * 3 in the second.
    first = math.exp(0.5) * math.tanh(6) / (math.exp(2) * math.tanh(16))
    second = math.exp(0.5) * math.tanh(3) / (math.exp(2) * math.tanh(4))
    shared = (first * 2 + second * 1) / (first + second)
    assert (round(first, 4), round(second, 4), round(shared, 4)) == (0.2231, 0.2222, 1.5011)
    np.testing.assert_allclose(found.numpy(), [[4, 0, shared], [2, 0, 0]], rtol=1e-12)


def test_a_lone_model_keeps_exactly_the_share_with_the_highest_scores():
    names = ("model 0",)
    inputs = MergeInputs(pretrained=BASE, finetuned=(MODELS[0],), names=names).with_moving_keys()
    made = pcb(inputs, PcbOptions(keep_rate=0.25, clamped=0.0))
    sizes = {key: BASE[key].numel() for key in MOVING}
    kept = sum(made.tensor(key).keep * sizes[key] for key in MOVING)
    assert kept == pytest.approx(math.floor(0.25 * sum(sizes.values())))
    largest = np.sort(abs(FLAT[0]))[::-1][: round(kept)]
    found = np.concatenate([made.tensor(key).update.numpy().reshape(-1) for key in MOVING])
    np.testing.assert_allclose(np.sort(abs(found[found != 0]))[::-1], largest, rtol=1e-12)


def test_a_model_that_did_not_move_takes_no_part():
    alone = merge_state_dicts(BASE, MODELS[:2], "pcb", clamped=0.0)
    beside = merge_state_dicts(BASE, [*MODELS[:2], BASE], "pcb", clamped=0.0)
    assert all(torch.isfinite(tensor).all() for tensor in beside.values() if tensor.is_floating_point())
    moved = {key for key in MOVING if not torch.equal(beside[key], BASE[key])}
    assert moved == {key for key in MOVING if not torch.equal(alone[key], BASE[key])}


def test_changes_of_one_size_have_no_rank_and_no_weight():
    base = {"w": torch.zeros(2, 3)}
    assert same(merge_state_dicts(base, [{"w": torch.ones(2, 3)}] * 2, "pcb"), base)


def test_many_models_do_not_overflow():
    base = {"w": torch.zeros(4, 5)}
    states = [{"w": torch.randn(4, 5, generator=torch.Generator().manual_seed(seed))} for seed in range(90)]
    assert torch.isfinite(merge_state_dicts(base, states, "pcb", keep_rate=0.5)["w"]).all()
