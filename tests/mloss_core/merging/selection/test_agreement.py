"""Consensus against the formula written out entry by entry, and by hand."""

import numpy as np
import pytest
import torch

from mloss_core.merging import merge_state_dicts
from mloss_core.merging.inputs import MergeInputs
from mloss_core.merging.selection.agreement import consensus, wanted
from mloss_core.merging.selection.options import ConsensusOptions
from mloss_core.merging.sparsifiers.steps import Drop
from tests.mloss_core.merging import dense
from tests.mloss_core.merging.models import SCORED, finetuned, node_mloss, pretrained, same

BASE = pretrained(torch.float64)
MODELS = finetuned(BASE, count=4)
MOVING = ("fc1.weight", "fc1.bias", "fc2.weight", "conv.weight", "scale")
VECTORS = [{key: (model[key] - BASE[key]).numpy() for key in MOVING} for model in MODELS]


def updates(method, **options):
    found = merge_state_dicts(BASE, MODELS, method, **{"scale": 1.0, **options})
    return {key: (found[key] - BASE[key]).numpy() for key in MOVING}


def assert_close(found, expected):
    for key in MOVING:
        np.testing.assert_allclose(found[key], expected[key], rtol=1e-6, atol=1e-12, err_msg=key)


def dense_consensus(vectors, merged, threshold, least):
    """Entry by entry in plain Python."""
    out = np.zeros_like(merged)
    for place in np.ndindex(merged.shape):
        votes = sum(abs(v[place]) > threshold * abs(merged[place] - v[place]) for v in vectors)
        out[place] = merged[place] if votes >= least else 0.0
    return out


def test_wanted_by_hand():
    vector = torch.tensor([[1.0, 1.0, 0.0], [-2.0, 1.0, 0.0]])
    merged = torch.tensor([[3.0, 4.0, 5.0], [1.0, 1.0, 0.0]])
    # 1 > .5 * 2 is false (strict), 1 > .5 * 3 is false, nothing is wanted of what did not move; 2 > .5 * 3; 1 > 0.
    assert wanted(vector, merged, 0.5).tolist() == [[False, False, False], [True, True, False]]
    assert wanted(vector, merged, 0.4).tolist() == [[True, False, False], [True, True, False]]
    assert wanted(vector, merged, 0.0).tolist() == [[True, True, False], [True, True, False]]


def test_consensus_by_hand():
    models = [torch.tensor([[4.0, 1.0, -2.0], [0.0, 3.0, 1.0]]), torch.tensor([[2.0, -1.0, -2.0], [5.0, 0.0, -9.0]])]
    base = {"w": torch.zeros(2, 3)}
    # sums: 6 0 -4 / 5 3 -8; wanted at threshold 1 by the first: 4>2, 1=1, 2=2, no, 3>0, 1<9; by the second: 2<4,
    # 1=1, 2=2, 5>0, no, 9>1.
    states = [{"w": model} for model in models]

    def merged(**options):
        return merge_state_dicts(base, states, "consensus", threshold=1.0, scale=1.0, **options)["w"].tolist()

    assert merged(min_agree=1) == [[6, 0, 0], [5, 3, -8]]
    assert merged(min_agree=2) == [[0, 0, 0], [0, 0, 0]]
    assert merged(min_agree=0) == [[6, 0, -4], [5, 3, -8]]


@pytest.mark.parametrize("threshold", [0.0, 0.2, 0.4, 1.0])
@pytest.mark.parametrize("least", [1, 2, 3])
def test_consensus_equals_the_formula(threshold, least):
    total = {key: sum(vectors[key] for vectors in VECTORS) for key in MOVING}
    expected = {key: dense_consensus([v[key] for v in VECTORS], total[key], threshold, least) for key in MOVING}
    assert_close(updates("consensus", threshold=threshold, min_agree=least), expected)


def test_consensus_of_the_sum_that_ties_elects():
    trimmed = [dense.trim_global(vectors, 0.2) for vectors in VECTORS]
    expected = {}
    for key in MOVING:
        stack = np.stack([vectors[key] for vectors in trimmed])
        sign = np.where(stack.sum(0) >= 0, 1.0, -1.0)
        elected = np.where(stack * sign > 0, stack, 0.0).sum(0)
        expected[key] = dense_consensus([vectors[key] for vectors in VECTORS], elected, 0.4, 2)
    assert_close(updates("consensus", combine="ties"), expected)


def test_asking_nobody_is_task_arithmetic_and_asking_too_many_is_zero_shot():
    assert same(
        merge_state_dicts(BASE, MODELS, "consensus", min_agree=0, scale=0.3),
        merge_state_dicts(BASE, MODELS, "task_arithmetic", scale=0.3),
    )
    assert same(merge_state_dicts(BASE, MODELS, "consensus", min_agree=5), {**BASE})


def test_a_lone_model_wants_all_that_it_changed_at_every_threshold():
    for threshold in (0.0, 0.4, 5.0):
        found = merge_state_dicts(BASE, MODELS[:1], "consensus", threshold=threshold, min_agree=1, scale=1.0)
        assert same(found, MODELS[0])


def test_models_that_did_not_move_give_the_pretrained_one():
    for method in ("consensus", "magmax", "breadcrumbs", "pcb"):
        assert same(merge_state_dicts(BASE, [BASE, BASE], method), BASE)


def test_m_consensus_trims_the_scored_rows_before_it_compares():
    scores = node_mloss(BASE)
    trimmed = []
    for vectors in VECTORS:
        rest = {key: dense.trim_tensor(vectors[key], 0.8) for key in MOVING if key not in SCORED}
        rows = {}
        for key in SCORED:
            order = sorted(range(len(scores[key])), key=lambda row, key=key: float(scores[key][row]))
            rates = [0.8 - 0.4 * order.index(row) / (len(order) - 1) for row in range(len(order))]
            rows[key] = dense.trim_rows(vectors[key], rates)
        trimmed.append({**rest, **rows})
    total = {key: sum(vectors[key] for vectors in trimmed) for key in MOVING}
    expected = {key: dense_consensus([v[key] for v in trimmed], total[key], 0.4, 2) for key in MOVING}
    assert_close(updates("m_consensus", keep_rate=0.8, span=0.4, node_mloss=scores), expected)


def test_m_consensus_that_keeps_everything_is_consensus():
    assert same(
        merge_state_dicts(BASE, MODELS, "m_consensus", keep_rate=1.0, span=0.0, node_mloss=node_mloss(BASE)),
        merge_state_dicts(BASE, MODELS, "consensus"),
    )


def inputs(**changes):
    names = tuple(f"model {place}" for place in range(len(MODELS)))
    return MergeInputs(pretrained=BASE, finetuned=tuple(MODELS), names=names, **changes).with_moving_keys()


def test_the_realised_keep_is_the_share_that_enough_models_want():
    made = consensus(inputs(), ConsensusOptions())
    for key in MOVING:
        merged = made.tensor(key)
        assert merged.keep == pytest.approx(float((merged.update != 0).double().mean()))
    assert consensus(inputs(), ConsensusOptions(min_agree=0)).tensor("fc1.weight").keep == 1.0


def test_a_pre_processor_thins_what_is_summed_and_what_is_compared():
    made = consensus(inputs(pre=(Drop(0.5),)), ConsensusOptions())
    plain = consensus(inputs(), ConsensusOptions())
    again = consensus(inputs(pre=(Drop(0.5),)), ConsensusOptions())
    key = "fc1.weight"
    assert torch.equal(made.tensor(key).update, again.tensor(key).update)
    assert not torch.equal(made.tensor(key).update, plain.tensor(key).update)
    dropped = flat_vectors(made=inputs(pre=(Drop(0.5),)), key=key)
    expected = dense_consensus(dropped, sum(dropped), 0.4, 2)
    np.testing.assert_allclose(made.tensor(key).update.numpy(), expected, rtol=1e-6, atol=1e-12)


def flat_vectors(made, key):
    from mloss_core.merging.flat.plan import FlatPlan
    from mloss_core.merging.flat.rule import SparseVectors

    sparse = SparseVectors(made, FlatPlan())
    return [sparse.vector(model, key).numpy() for model in range(len(MODELS))]


def test_consensus_counts_each_model_at_its_own_threshold():
    own = (0.2, 0.4, 0.6, 1.0)[: len(MODELS)]
    made = consensus(inputs(), ConsensusOptions(thresholds=own, min_agree=2))
    for key in VECTORS[0]:
        total = sum(vectors[key] for vectors in VECTORS)
        votes = sum(
            abs(vectors[key]) > threshold * abs(total - vectors[key])
            for vectors, threshold in zip(VECTORS, own, strict=True)
        )
        np.testing.assert_allclose(made.tensor(key).update, np.where(votes >= 2, total, 0.0), rtol=1e-9)
