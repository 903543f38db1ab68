import math

import pytest
import torch

from mloss_core.outputs import ensemble_features, ensemble_logits, logits

HEAD = torch.tensor([[10.0, 0.0], [0.0, 10.0]])


def test_logits_are_the_head_on_directions():
    found = logits(torch.tensor([[3.0, 4.0], [0.0, -2.0]]), HEAD)
    torch.testing.assert_close(found, torch.tensor([[6.0, 8.0], [0.0, -10.0]]))


def test_logits_ignore_the_length_of_features():
    features = torch.randn(5, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(logits(features, HEAD), logits(7 * features, HEAD))


def test_a_feature_of_length_zero_scores_zero():
    torch.testing.assert_close(logits(torch.zeros(1, 2), HEAD), torch.zeros(1, 2))


def test_the_two_ensembles_differ_where_one_model_has_long_features():
    """A short feature for class 0 and a long one for class 1: directions tie, raw features follow the long one."""
    short, long = torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 9.0]])
    torch.testing.assert_close(ensemble_logits([short, long], HEAD), torch.tensor([[5.0, 5.0]]))
    torch.testing.assert_close(ensemble_features([short, long]), torch.tensor([[0.5, 4.5]]))
    found = logits(ensemble_features([short, long]), HEAD)
    torch.testing.assert_close(found, torch.tensor([[10 / math.sqrt(82), 90 / math.sqrt(82)]]))


def test_the_ensemble_is_the_mean_of_logits():
    draw = torch.Generator().manual_seed(1)
    models = [torch.randn(6, 3, generator=draw) for _ in range(4)]
    head = torch.randn(5, 3, generator=draw)
    expected = sum(logits(features, head) for features in models) / 4
    torch.testing.assert_close(ensemble_logits(models, head), expected)


def test_the_order_of_models_does_not_matter():
    draw = torch.Generator().manual_seed(2)
    models = [torch.randn(6, 2, generator=draw) for _ in range(3)]
    torch.testing.assert_close(ensemble_logits(models, HEAD), ensemble_logits(models[::-1], HEAD))
    torch.testing.assert_close(ensemble_features(models), ensemble_features(models[::-1]))


def test_one_model_is_its_own_ensemble():
    features = torch.tensor([[3.0, 4.0]])
    torch.testing.assert_close(ensemble_logits([features], HEAD), logits(features, HEAD))
    with pytest.raises(RuntimeError):
        ensemble_features([])
