import numpy as np
import pytest

from mloss_core.mloss.pair_theory import expected_pair_mloss
from mloss_core.mloss.theory import ACTIVATIONS, angle_law, expected_mloss


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("apart", [0.3, 0.03])
def test_many_nodes_at_once_are_each_node_alone(activation, apart):
    draw = np.random.default_rng(3)
    mean = draw.normal(size=(5, 1)) + apart * draw.normal(size=(5, 2))
    factor = draw.normal(size=(5, 2, 2)) * apart
    covariance = draw.uniform(0.2, 2, (5, 1, 1)) + factor @ factor.transpose(0, 2, 1)
    spread = np.stack([covariance[:, 0, 0], covariance[:, 1, 1], covariance[:, 0, 1]], 1)
    found = expected_pair_mloss(mean, spread, activation)
    alone = [expected_mloss(m, c, activation=activation) for m, c in zip(mean, covariance, strict=True)]
    np.testing.assert_allclose(found, alone, rtol=1e-3, atol=1e-12)


def test_a_right_angle_of_relu():
    np.testing.assert_allclose(expected_pair_mloss([[0, 0]], [[1, 1, 0]], "relu"), angle_law(np.pi / 2))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_equal_models_and_models_without_spread(activation):
    same = expected_pair_mloss([[0.3, 0.3]], [[2.0, 2.0, 2.0]], activation)
    np.testing.assert_allclose(same, 0, atol=1e-12)
    still = expected_pair_mloss([[2.0, -2.0]], [[0.0, 0.0, 0.0]], activation)
    np.testing.assert_allclose(still, expected_mloss([2.0, -2.0], np.zeros((2, 2)), activation=activation), rtol=1e-6)
