"""TALL masks, magnitude masks and EMR against the formulas in plain numpy, and by hand."""

import math

import numpy as np
import pytest
import torch

from mloss_core.errors import InvalidOptionError
from mloss_core.merging.inputs import MergeInputs
from mloss_core.merging.results import MergedWeights, UpdateOnDemand
from mloss_core.merging.selection.options import EmrOptions, MagnitudeMaskOptions, TallMaskOptions
from mloss_core.merging.selection.task_masks import emr, magnitude_mask, tall_mask
from tests.mloss_core.merging import dense
from tests.mloss_core.merging.models import finetuned, pretrained, same

BASE = pretrained(torch.float64)
MODELS = finetuned(BASE, count=4)
MOVING = ("fc1.weight", "fc1.bias", "fc2.weight", "conv.weight", "scale")
VECTORS = [{key: (model[key] - BASE[key]).numpy() for key in MOVING} for model in MODELS]
TOTAL = {key: sum(vectors[key] for vectors in VECTORS) for key in MOVING}
METHODS = [(tall_mask, TallMaskOptions()), (magnitude_mask, MagnitudeMaskOptions()), (emr, EmrOptions())]


def inputs(models=MODELS, base=BASE, **changes):
    names = tuple(f"model {place}" for place in range(len(models)))
    return MergeInputs(pretrained=base, finetuned=tuple(models), names=names, **changes).with_moving_keys()


def models_of(made, function, options):
    """The state dict of every task."""
    return [
        dict(MergedWeights(made.pretrained, UpdateOnDemand(rule, made.moving), rule.scale, rule.exact).items())
        for rule in function(made, options).rules
    ]


def assert_updates(function, options, expected):
    for found, own in zip(models_of(inputs(), function, options), expected, strict=True):
        for key in MOVING:
            np.testing.assert_allclose((found[key] - BASE[key]).numpy(), own[key], rtol=1e-6, atol=1e-12, err_msg=key)


def elected(stack):
    """Entry by entry: the elected sign, and the largest magnitude among those of that sign."""
    out = np.zeros(stack.shape[1:])
    for place in np.ndindex(out.shape):
        column = stack[(slice(None), *place)]
        sign = 1 if column.sum() >= 0 else -1
        out[place] = sign * max([abs(value) for value in column if value * sign > 0], default=0.0)
    return out


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.4, 0.6, 2.0])
def test_tall_masks_equal_the_formula(threshold):
    expected = [
        {
            key: np.where(abs(vectors[key]) > threshold * abs(TOTAL[key] - vectors[key]), TOTAL[key], 0.0)
            for key in MOVING
        }
        for vectors in VECTORS
    ]
    assert_updates(tall_mask, TallMaskOptions(threshold=threshold), expected)


def test_every_task_may_have_a_threshold_of_its_own():
    own = (0.2, 0.4, 0.6, 2.0)
    mixed = tall_mask(inputs(), TallMaskOptions(thresholds=own)).rules
    for place, threshold in enumerate(own):
        alone = tall_mask(inputs(), TallMaskOptions(threshold=threshold)).rules[place]
        assert all(torch.equal(mixed[place].tensor(key).update, alone.tensor(key).update) for key in MOVING)
    with pytest.raises(InvalidOptionError, match=r"one for each model that is merged, model 0, .*; found 2 for 4"):
        tall_mask(inputs(), TallMaskOptions(thresholds=(0.2, 0.4)))


def test_tall_masks_of_the_sum_that_ties_elects():
    trimmed, merged = [dense.trim_global(vectors, 0.2) for vectors in VECTORS], {}
    for key in MOVING:
        stack = np.stack([vectors[key] for vectors in trimmed])
        sign = np.where(stack.sum(0) >= 0, 1.0, -1.0)
        merged[key] = np.where(stack * sign > 0, stack, 0.0).sum(0)
    expected = [
        {key: np.where(abs(own[key]) > 0.4 * abs(merged[key] - own[key]), merged[key], 0.0) for key in MOVING}
        for own in VECTORS
    ]
    assert_updates(tall_mask, TallMaskOptions(combine="ties"), expected)


@pytest.mark.parametrize("keep_rate", [0.0, 0.1, 0.5, 1.0])
def test_magnitude_masks_equal_the_formula(keep_rate):
    masks = [dense.trim_global(vectors, keep_rate) for vectors in VECTORS]
    expected = [{key: np.where(mask[key] != 0, TOTAL[key], 0.0) for key in MOVING} for mask in masks]
    assert_updates(magnitude_mask, MagnitudeMaskOptions(keep_rate=keep_rate), expected)


def test_emr_equals_the_formula():
    shared = {key: elected(np.stack([vectors[key] for vectors in VECTORS])) for key in MOVING}
    expected = []
    for vectors in VECTORS:
        masked = {key: np.where(vectors[key] * shared[key] > 0, shared[key], 0.0) for key in MOVING}
        size = sum(abs(vectors[key]).sum() for key in MOVING) / sum(abs(masked[key]).sum() for key in MOVING)
        expected.append({key: size * masked[key] for key in MOVING})
    assert_updates(emr, EmrOptions(), expected)


def by_hand(function, options):
    base = {"w": torch.zeros(2, 3), "b": torch.zeros(1)}
    states = [
        {"w": torch.tensor([[4.0, 1.0, -2.0], [0.0, 3.0, 1.0]]), "b": torch.tensor([1.0])},
        {"w": torch.tensor([[2.0, -1.0, -2.0], [5.0, 0.0, -9.0]]), "b": torch.tensor([1.0])},
    ]
    return [(state["w"].tolist(), state["b"].item()) for state in models_of(inputs(states, base), function, options)]


def test_tall_masks_by_hand():
    # Sums 6 0 -4 / 5 3 -8 and 2; at threshold 1: 4>2, 1=1, 2=2, 0, 3>0, 1<9, 1=1; and 2<4, 1=1, 2=2, 5>0, 0, 9>1, 1=1.
    assert by_hand(tall_mask, TallMaskOptions(threshold=1.0)) == [
        ([[6, 0, 0], [0, 3, 0]], 0),
        ([[0, 0, 0], [5, 0, -8]], 0),
    ]


def test_magnitude_masks_by_hand():
    # Three of seven: 4, 3, 2 (first model) and 9, 5, the earlier 2 (second).
    assert by_hand(magnitude_mask, MagnitudeMaskOptions(keep_rate=0.43)) == [
        ([[6, 0, -4], [0, 3, 0]], 0),
        ([[6, 0, 0], [5, 0, -8]], 0),
    ]


def test_emr_by_hand():
    # Elected 4 1 -2 / 5 3 -9 and 1 (equal mass elects +). The first agrees on 4 1 -2 3 1, of sum 11, and is of size 12;
    # the second on 4 -2 5 -9 1, of sum 21, and is of size 20. One factor serves all tensors.
    first, second = by_hand(emr, EmrOptions())
    np.testing.assert_allclose(first[0], np.array([[4, 1, -2], [0, 3, 0]]) * 12 / 11, rtol=1e-6)
    np.testing.assert_allclose(second[0], np.array([[4, 0, -2], [5, 0, -9]]) * 20 / 21, rtol=1e-6)
    assert (first[1], second[1]) == (pytest.approx(12 / 11), pytest.approx(20 / 21))


@pytest.mark.parametrize(
    ("function", "options"),
    [
        *((tall_mask, TallMaskOptions(threshold=t)) for t in (0.0, 0.4, 5.0)),
        (emr, EmrOptions()),
        (magnitude_mask, MagnitudeMaskOptions(keep_rate=1.0)),
    ],
)
def test_a_lone_model_comes_back_to_the_last_bit(function, options):
    for dtype in (torch.float32, torch.float16, torch.bfloat16, torch.float64):
        base = pretrained(dtype)
        (model,) = finetuned(base, count=1, spread=1.0)
        (found,) = models_of(inputs([model], base), function, options)
        assert same({**found, "position_ids": model["position_ids"]}, model)


@pytest.mark.parametrize(("function", "options"), METHODS)
def test_integers_unmoved_tensors_types_and_inputs_stay(function, options):
    for dtype in (torch.float16, torch.float32):
        base = pretrained(dtype)
        models = finetuned(base)
        for found in models_of(inputs(models, base), function, options):
            assert list(found) == list(base)
            assert all(found[key].dtype == base[key].dtype and found[key].shape == base[key].shape for key in base)
            assert all(torch.equal(found[key], base[key]) for key in ("position_ids", "byte", "text.weight"))
            assert not torch.equal(found["fc1.weight"], base["fc1.weight"])
            for tensor in found.values():
                tensor.zero_()
        assert same(base, pretrained(dtype)) and all(map(same, models, finetuned(pretrained(dtype))))


@pytest.mark.parametrize(("function", "options"), METHODS)
def test_the_order_of_models_changes_the_order_of_answers_alone(function, options):
    forward, backward = models_of(inputs(), function, options), models_of(inputs(MODELS[::-1]), function, options)
    for one, other in zip(forward, backward[::-1], strict=True):
        for key in MOVING:
            np.testing.assert_allclose(one[key].numpy(), other[key].numpy(), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("function", "options"), METHODS)
def test_longer_task_vectors_give_longer_updates(function, options):
    longer = [{key: BASE[key] + 3 * (model[key] - BASE[key]) for key in BASE} for model in MODELS]
    for once, thrice in zip(
        models_of(inputs(), function, options), models_of(inputs(longer), function, options), strict=True
    ):
        for key in MOVING:
            np.testing.assert_allclose(thrice[key] - BASE[key], 3 * (once[key] - BASE[key]), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize(("function", "options"), METHODS)
def test_models_that_did_not_move(function, options):
    assert all(same(found, BASE) for found in models_of(inputs([BASE, BASE]), function, options))
    still, moved = models_of(inputs([BASE, MODELS[0]]), function, options)
    assert same(still, BASE) and not same(moved, BASE)


@pytest.mark.parametrize(("function", "options"), METHODS)
def test_tensors_in_any_order_and_again(function, options):
    made = function(inputs(), options)
    first = {(place, key): rule.tensor(key).update for place, rule in enumerate(made.rules) for key in MOVING}
    for key in reversed(MOVING):
        for place, rule in enumerate(made.rules):
            assert torch.equal(rule.tensor(key).update, first[place, key])


def test_the_realised_keep_is_the_density_of_the_mask():
    sizes = {key: BASE[key].numel() for key in MOVING}
    for rule in magnitude_mask(inputs(), MagnitudeMaskOptions(keep_rate=0.25)).rules:
        kept = sum(rule.tensor(key).keep * sizes[key] for key in MOVING)
        assert kept == pytest.approx(math.floor(0.25 * sum(sizes.values())))


def test_a_larger_threshold_gives_a_sparser_mask():
    densities = [
        tall_mask(inputs(), TallMaskOptions(threshold=t)).rules[0].tensor("fc1.weight").keep for t in (0, 1, 3)
    ]
    assert densities[0] == 1.0 and densities == sorted(densities, reverse=True) and densities[2] < densities[0]
