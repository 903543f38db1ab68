import numpy as np
import pytest

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.mloss import expected_mloss, simulate_mloss
from mloss_core.mloss.theory import ACTIVATIONS, angle_law, numpy_activation, small_disagreement
from mloss_core.vision.towers import activation_function


def _case(models: int, seed: int, centred: bool) -> tuple[np.ndarray, np.ndarray]:
    draw = np.random.default_rng(seed)
    root = draw.normal(size=(models, models))
    return draw.normal(size=models) * (not centred), root @ root.T


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("models", [2, 3])
@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("weighted", [True, False])
def test_closed_form_agrees_with_simulation(activation, models, centred, weighted):
    mean, covariance = _case(models, models, centred)
    weights = np.arange(1, models + 1) / sum(range(1, models + 1)) if weighted else None
    found, error = simulate_mloss(mean, covariance, weights, activation, 0.1, draws=200_000, seed=1)
    assert abs(expected_mloss(mean, covariance, weights, activation, 0.1) - found) < 4.5 * error + 1e-9


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_zero_for_one_model_and_for_equal_ones(activation):
    assert expected_mloss([0.3], [[2.0]], activation=activation) == pytest.approx(0, abs=1e-9)
    assert expected_mloss([0.3, 0.3], [[2.0, 2.0], [2.0, 2.0]], activation=activation) == pytest.approx(0, abs=1e-9)


def test_the_angle_law_by_hand():
    """At a right angle (pi/2 - 1) / (4 pi), opposite rows 1/4."""
    assert expected_mloss([0, 0], np.eye(2)) == pytest.approx((np.pi / 2 - 1) / (4 * np.pi), rel=1e-12)
    assert expected_mloss([0, 0], [[1, -1], [-1, 1]]) == pytest.approx(0.25, rel=1e-9)
    for angle in (0.05, 1.0, 2.5):
        covariance = 2 * np.array([[1, np.cos(angle)], [np.cos(angle), 1]])
        assert expected_mloss([0, 0], covariance) == pytest.approx(float(angle_law(angle, 2.0)), rel=1e-6)


def test_leaky_relu_follows_from_relu():
    mean, covariance = _case(3, 5, centred=False)
    relu = expected_mloss(mean, covariance)
    assert expected_mloss(mean, covariance, activation="leaky_relu", slope=0.3) == pytest.approx(0.49 * relu, rel=1e-12)


@pytest.mark.parametrize(("activation", "tolerance"), [("relu", 0.01), ("gelu", 0.01)])
@pytest.mark.parametrize("models", [2, 8])
def test_small_disagreement_is_the_leading_order(activation, tolerance, models):
    covariance = np.ones((models, models)) + 0.05**2 * np.eye(models)
    exact = expected_mloss(np.zeros(models), covariance, activation=activation)
    law = float(small_disagreement(0.05, models=models, activation=activation))
    assert exact == pytest.approx(law, rel=tolerance)


@pytest.mark.parametrize(("activation", "power"), [("relu", 3), ("gelu", 4)])
def test_order_in_the_disagreement(activation, power):
    values = [
        expected_mloss([0, 0], np.ones((2, 2)) + eps**2 * np.eye(2), activation=activation) for eps in (0.04, 0.08)
    ]
    assert np.log2(values[1] / values[0]) == pytest.approx(power, abs=0.05)


def test_quick_gelu_is_within_five_percent_of_gelu():
    mean, covariance = np.zeros(2), np.array([[1.0, 0.3], [0.3, 1.0]])
    gelu = expected_mloss(mean, covariance, activation="gelu")
    assert expected_mloss(mean, covariance, activation="quick_gelu") == pytest.approx(gelu, rel=0.08)
    assert expected_mloss(mean, covariance, activation="gelu_tanh") == pytest.approx(gelu, rel=0.01)


def test_a_model_without_spread_is_a_constant():
    found, error = simulate_mloss([1.0, -0.5], [[0, 0], [0, 1]], draws=200_000)
    assert abs(expected_mloss([1.0, -0.5], [[0, 0], [0, 1]]) - found) < 4.5 * error


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_numpy_and_torch_activations_agree(activation):
    import torch

    z = np.linspace(-5, 5, 101)
    expected = activation_function(activation, 0.2)(torch.from_numpy(z)).numpy()
    np.testing.assert_allclose(numpy_activation(activation, 0.2)(z), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([0, 0], [[1]]), "must be 2 x 2; found"),
        (([0, 0], np.eye(2), [0.5, 0.6]), "2 numbers that sum to 1"),
        (([0, 0], [[1, 2], [2, 1]]), "positive semi-definite"),
    ],
)
def test_bad_input(arguments, words):
    with pytest.raises(InvalidOptionError, match=words):
        expected_mloss(*arguments)


def test_unknown_activation():
    with pytest.raises(UnknownNameError, match="Known: relu, leaky_relu, gelu"):
        expected_mloss([0], [[1]], activation="swish")


def test_theory_needs_no_torch():
    import subprocess
    import sys

    code = "import sys, mloss_core.mloss.theory; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
