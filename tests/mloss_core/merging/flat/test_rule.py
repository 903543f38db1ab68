"""The flat family against the formulas written out entry by entry, in float64."""

import numpy as np
import pytest
import torch

from mloss_core.merging import merge_state_dicts
from mloss_core.merging.flat.dare import DareOptions
from mloss_core.merging.flat.m_ties import MTiesOptions
from mloss_core.merging.flat.rule import flat
from mloss_core.merging.flat.ties import TiesOptions
from mloss_core.merging.inputs import MergeInputs
from mloss_core.merging.sparsifiers.row_guides import level
from mloss_core.merging.sparsifiers.steps import Drop
from tests.mloss_core.merging import dense
from tests.mloss_core.merging.models import SCORED, close, finetuned, node_mloss, pretrained, same

BASE = pretrained(torch.float64)
MODELS = finetuned(BASE, count=4)
MOVING = ("fc1.weight", "fc1.bias", "fc2.weight", "conv.weight", "scale")
VECTORS = [{key: (model[key] - BASE[key]).numpy() for key in MOVING} for model in MODELS]
SCORES = node_mloss(BASE)


def updates(method, **options):
    found = merge_state_dicts(BASE, MODELS, method, **options)
    return {key: (found[key] - BASE[key]).numpy() for key in MOVING}


def assert_close(found, expected):
    for key in MOVING:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-6, atol=1e-12, err_msg=key)


def rates(key, keep_rate=0.8, span=0.4):
    scores = SCORES[key].tolist()
    order = sorted(range(len(scores)), key=lambda row: scores[row])
    return [keep_rate - span * order.index(row) / (len(scores) - 1) for row in range(len(scores))]


def test_average_and_task_arithmetic():
    total = {key: sum(vectors[key] for vectors in VECTORS) for key in MOVING}
    assert_close(updates("average"), {key: value / 4 for key, value in total.items()})
    assert_close(updates("task_arithmetic", scale=0.7), {key: 0.7 * value for key, value in total.items()})


@pytest.mark.parametrize("keep_rate", [0.0, 0.1, 0.2, 0.55, 1.0])
def test_ties_with_every_scope(keep_rate):
    whole = [dense.trim_global(vectors, keep_rate) for vectors in VECTORS]
    own = [{key: dense.trim_tensor(vectors[key], keep_rate) for key in MOVING} for vectors in VECTORS]
    rows = [
        {
            key: dense.trim_rows(vectors[key], [keep_rate] * len(vectors[key]))
            if vectors[key].ndim > 1
            else dense.trim_tensor(vectors[key], keep_rate)
            for key in MOVING
        }
        for vectors in VECTORS
    ]
    for scope, trimmed in (("global", whole), ("tensor", own), ("row", rows)):
        expected = {key: dense.elect([vectors[key] for vectors in trimmed]) for key in MOVING}
        assert_close(updates("ties", keep_rate=keep_rate, scope=scope), expected)


@pytest.mark.parametrize("others", ["tensor", "global", "none"])
def test_m_ties(others):
    trimmed = []
    for vectors in VECTORS:
        rest = {key: vectors[key] for key in MOVING if key not in SCORED}
        if others == "tensor":
            rest = {key: dense.trim_tensor(vector, 0.8) for key, vector in rest.items()}
        elif others == "global":
            rest = dense.trim_global(rest, 0.8)
        trimmed.append({**rest, **{key: dense.trim_rows(vectors[key], rates(key)) for key in SCORED}})
    expected = {key: dense.elect([vectors[key] for vectors in trimmed]) for key in MOVING}
    assert_close(updates("m_ties", keep_rate=0.8, span=0.4, others=others, node_mloss=SCORES), expected)


def test_m_ties_without_a_span_is_ties_by_row_where_scored_and_by_tensor_elsewhere():
    by_row = merge_state_dicts(BASE, MODELS, "ties", keep_rate=0.6, scope="row")
    by_tensor = merge_state_dicts(BASE, MODELS, "ties", keep_rate=0.6, scope="tensor")
    expected = {key: (by_row if key == "fc1.weight" else by_tensor)[key] for key in BASE}
    scores = {"fc1.weight": SCORES["fc1.weight"]}
    assert same(merge_state_dicts(BASE, MODELS, "m_ties", keep_rate=0.6, span=0.0, node_mloss=scores), expected)
    assert not same(by_row, by_tensor)


def test_the_control_without_an_order_equals_a_span_of_0():
    flat_rates = merge_state_dicts(BASE, MODELS, "m_ties", span=0.0, node_mloss=SCORES)
    assert same(merge_state_dicts(BASE, MODELS, "m_ties", ranking="none", span=0.2, node_mloss=SCORES), flat_rates)


def test_levelled_rates_keep_as_many_entries_spread_evenly():
    # Of 10 entries the rows keep 8, 7 and 5: 20 together, so 7, 7 and 6.
    found = level(torch.tensor([0.8, 0.79, 0.5], dtype=torch.float64), 10)
    assert found.tolist() == [0.7, 0.7, 0.6]


@pytest.mark.parametrize("schedule", ["one_sided", "symmetric", "budget_preserving"])
@pytest.mark.parametrize("span", [0.05, 0.1, 0.33])
def test_every_control_with_a_span_spends_the_same_budget_to_the_entry(schedule, span):
    def kept(ranking):
        options = MTiesOptions(keep_rate=0.8, span=span, ranking=ranking, schedule=schedule)
        inputs = MergeInputs(
            pretrained=BASE, finetuned=tuple(MODELS), names=("a", "b", "c", "d"), scores=SCORES
        ).with_moving_keys()
        rule = flat(inputs, options)
        return {key: rule.tensor(key).keep for key in SCORES}

    expected = kept("rank")
    for ranking in ("reversed", "random", "uniform"):
        assert kept(ranking) == expected, ranking


def test_nothing_is_trimmed_at_keep_rate_1():
    elected = {key: dense.elect([vectors[key] for vectors in VECTORS]) for key in MOVING}
    assert_close(updates("m_ties", keep_rate=1.0, span=0.0, node_mloss=SCORES), elected)
    assert_close(updates("dare", keep_rate=1.0, then="elect"), elected)
    assert_close(updates("dare", keep_rate=1.0), updates("average"))
    assert_close(updates("dare", keep_rate=1.0, then="ties"), updates("ties", keep_rate=0.2))


def test_m_dare_without_a_span_is_dare_with_elect():
    assert same(
        merge_state_dicts(BASE, MODELS, "m_dare", keep_rate=0.6, span=0.0, node_mloss=SCORES),
        merge_state_dicts(BASE, MODELS, "dare", keep_rate=0.6, then="elect"),
    )


def test_m_dare_with_the_magnitude_rule_trims_the_scored_rows_as_m_ties_does():
    trimmed = merge_state_dicts(BASE, MODELS, "m_ties", keep_rate=0.8, span=0.4, node_mloss=SCORES)
    mixed = merge_state_dicts(
        BASE, MODELS, "m_dare", keep_rate=0.8, span=0.4, target_rule="magnitude", node_mloss=SCORES
    )
    dropped = merge_state_dicts(BASE, MODELS, "dare", keep_rate=0.8, then="elect")
    assert same(mixed, {key: (trimmed if key in SCORED else dropped)[key] for key in BASE})


def rule(options, pre=(), scores=None, models=MODELS):
    inputs = MergeInputs(
        pretrained=BASE,
        finetuned=tuple(models),
        names=tuple(f"model {n}" for n in range(len(models))),
        scores=scores or {},
        pre=pre,
    )
    return flat(inputs.with_moving_keys(), options)


def test_the_realised_keep_is_what_is_left_over_all_models():
    trimmed = rule(TiesOptions(keep_rate=0.5, scope="tensor"))
    assert [trimmed.tensor(key).keep for key in MOVING] == [35 / 70, 3 / 7, 27 / 54, 24 / 48, 0.0]
    whole = rule(TiesOptions(keep_rate=0.2))
    sizes = {key: BASE[key].numel() for key in MOVING}
    assert sum(whole.tensor(key).keep * sizes[key] for key in MOVING) == pytest.approx(4 * (180 // 5) / 4)
    rows = rule(MTiesOptions(keep_rate=0.8, span=0.4), scores=SCORES)
    counts = [int(rate * 10 + 1e-9) for rate in rates("fc1.weight")]
    assert rows.tensor("fc1.weight").keep == pytest.approx(sum(counts) / 70)


def test_a_tensor_can_be_had_again_in_any_order():
    made = rule(DareOptions(keep_rate=0.5, then="ties"))
    first = {key: made.tensor(key).update for key in MOVING}
    assert all(torch.equal(made.tensor(key).update, first[key]) for key in reversed(MOVING))


def test_a_pre_processor_goes_before_the_methods_own_sparsifiers():
    dared = rule(TiesOptions(keep_rate=0.2), pre=(Drop(0.7),))
    plain = rule(DareOptions(keep_rate=0.7, then="ties", trim_keep_rate=0.2))
    assert all(torch.equal(dared.tensor(key).update, plain.tensor(key).update) for key in MOVING)


def test_two_random_drops_in_a_row_draw_two_masks():
    chained = rule(DareOptions(keep_rate=0.5), pre=(Drop(0.5),), models=MODELS[:1])
    kept = sum(chained.tensor(key).keep * BASE[key].numel() for key in MOVING) / 180
    assert kept == pytest.approx(0.25, abs=0.1)


def test_only_an_unpruned_single_model_is_exact():
    assert rule(TiesOptions(keep_rate=1.0), models=MODELS[:1]).exact is MODELS[0]
    assert rule(TiesOptions(keep_rate=1.0), models=MODELS[:2]).exact is None
    assert rule(TiesOptions(keep_rate=0.9), models=MODELS[:1]).exact is None
    assert rule(TiesOptions(keep_rate=1.0), pre=(Drop(0.5),), models=MODELS[:1]).exact is None
    assert rule(MTiesOptions(keep_rate=1.0, span=0.1), scores=SCORES, models=MODELS[:1]).exact is None


def test_float32_stays_within_rounding_of_float64():
    base = {key: t.float() if t.is_floating_point() else t for key, t in BASE.items()}
    models = [{key: t.float() if t.is_floating_point() else t for key, t in model.items()} for model in MODELS]
    for method, options in (("ties", {}), ("m_ties", {"node_mloss": SCORES}), ("average", {})):
        single = merge_state_dicts(base, models, method, **options)
        assert close(single, merge_state_dicts(BASE, MODELS, method, **options), tolerance=1e-5)
