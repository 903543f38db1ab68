"""Tensors of earlier merges are taken where nothing they depend on changed, and only there."""

import pytest
import torch

from mloss_core import MLossOptions, Recipe, merge
from mloss_core.merging.inputs import MergedTensor, MergeRule
from mloss_core.merging.tensor_memo import TensorMemo
from mloss_core.vision.architecture import scored_weight
from tests.zoos import tiny_zoo

MLOSS = MLossOptions(samples_per_task=4)
BASE = {"keep_rate": 0.6, "span": 0.2}
CHANGES = [
    ("m_ties", {**BASE, "span": 0.4}, None),
    ("m_ties", {**BASE, "ranking": "random"}, None),
    ("m_ties", {**BASE, "keep_rate": 0.5}, None),
    ("m_ties", BASE, (1, 2)),
    ("m_ties", {**BASE, "others": "global"}, None),
    ("m_dare", BASE, None),
    ("ties", {"keep_rate": 0.6}, None),
    ("ties", {"keep_rate": 0.6, "scope": "tensor"}, None),
    ("dare", {"keep_rate": 0.6, "then": "ties"}, None),
    ("breadcrumbs", {}, None),
]


@pytest.fixture(scope="module")
def zoo():
    return tiny_zoo(3)


@pytest.fixture(scope="module")
def memo(zoo):
    """After merges of every kind, so that a wrong identity would be found."""
    memo = TensorMemo()
    for method, options, blocks in [("m_ties", BASE, None), ("m_ties", {**BASE, "others": "global"}, (0,)), *CHANGES]:
        merge(zoo, Recipe(method=method, options=options, blocks=blocks, mloss=MLOSS, seed=1), memo=memo)
    return memo


@pytest.mark.parametrize(("method", "options", "blocks"), CHANGES)
def test_a_merge_is_the_same_with_and_without_a_memo(zoo, memo, method, options, blocks):
    for seed in (0, 1):
        recipe = Recipe(method=method, options=options, blocks=blocks, mloss=MLOSS, seed=seed)
        plain, kept = merge(zoo, recipe), merge(zoo, recipe, memo=memo)
        assert kept.digest == plain.digest and kept.realised_keep == plain.realised_keep


def test_only_what_changed_is_merged_again(zoo):
    memo, merged = TensorMemo(), []
    merge(zoo, Recipe(method="m_ties", options=BASE, mloss=MLOSS), memo=memo)
    before = set(memo._kept)
    merge(zoo, Recipe(method="m_ties", options={**BASE, "span": 0.3}, mloss=MLOSS), memo=memo)
    merged = {key for _, key, _ in set(memo._kept) - before}
    assert merged == {scored_weight(block) for block in range(zoo.architecture.layers)}


def test_a_rule_that_does_not_say_what_it_depends_on_is_left_alone():
    rule = MergeRule(tensor=lambda key: MergedTensor(torch.ones(2), 1.0))
    assert TensorMemo().kept(rule, "models") is rule


def test_the_oldest_tensors_go_first():
    calls = []

    def tensor(key):
        calls.append(key)
        return MergedTensor(torch.ones(4), 1.0)

    rule = TensorMemo(limit=2 * 16).kept(MergeRule(tensor=tensor, identity=lambda key: key), "models")
    for key in ("a", "b", "a", "c", "a", "b"):
        rule.tensor(key)
    assert calls == ["a", "b", "c", "b"]
