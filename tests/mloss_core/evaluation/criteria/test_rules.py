import math

import pytest
import torch

from mloss_core.evaluation.criteria.records import CRITERIA
from mloss_core.evaluation.criteria.rules import Answers

LOGITS = torch.tensor([[math.log(3), 0.0], [0.0, 1e3], [0.0, 0.0]])
"""Distributions (3/4, 1/4), (0, 1) and (1/2, 1/2)."""


def _values(name, **parts):
    answers = Answers(features=parts.pop("features", torch.zeros(3, 2)), logits=LOGITS, **parts)
    return CRITERIA[name].function(answers).tolist()


def test_agreement_counts_equal_top_classes():
    others = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    assert _values("expert_agreement", own_logits=others) == [1, 0, 1]
    assert _values("ensemble_agreement", ensemble_logits=-others) == [0, 1, 0]
    assert _values("validation", labels=torch.tensor([1, 1, 0])) == [0, 1, 1]


def test_divergence_is_from_the_expert_to_the_merge():
    """By hand: (1/2, 1/2) against (3/4, 1/4); (0, 1) against itself; (1, 0) against (1/2, 1/2), which is ln 2."""
    own = torch.tensor([[0.0, 0.0], [0.0, 1e3], [1e3, 0.0]])
    first = -(0.5 * math.log(0.5 / 0.75) + 0.5 * math.log(0.5 / 0.25))
    assert _values("expert_kl", own_logits=own) == pytest.approx([first, 0, -math.log(2)], abs=1e-6)


def test_confidence_is_minus_the_entropy():
    first = 0.75 * math.log(0.75) + 0.25 * math.log(0.25)
    assert _values("entropy") == pytest.approx([first, 0, -math.log(2)], abs=1e-6)


def test_cosine_of_features_knows_no_length():
    features = torch.tensor([[3.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    own = torch.tensor([[1.0, 1.0], [0.0, -5.0], [1.0, 0.0]])
    assert _values("feature_cosine", features=features, own_features=own) == pytest.approx([0.5**0.5, -1, 0])


def test_a_criterion_without_what_it_needs_says_so():
    with pytest.raises(ValueError, match="must hold what the criterion needs"):
        _values("expert_agreement")
