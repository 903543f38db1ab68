import math

import numpy as np
import pytest

from ui.theory.node import (
    Node,
    angle_curve,
    distance_angle,
    distance_curve,
    distance_mloss,
    energy_share,
    gap_profile,
    law_curve,
    lowest_correlation,
    mloss_of,
    one_draw,
    opposite_share,
    simulated_curve,
)


def test_angle_is_that_of_the_correlation():
    assert Node(correlation=0.5).angle == pytest.approx(60)
    assert Node(correlation=0.5).at_angle(90).shared == pytest.approx(0)


def test_correlation_is_raised_to_what_the_models_can_have():
    node = Node(models=3, correlation=-0.9)
    assert node.shared == lowest_correlation(3) == -0.5
    assert node.angle == node.widest == pytest.approx(120)
    assert np.linalg.eigvalsh(node.covariance()).min() == pytest.approx(0)


def test_law_is_the_closed_form_where_it_holds():
    node = Node(spread=1.5)
    assert node.follows_law
    assert mloss_of(node.at_angle(90)) == pytest.approx(1.5**2 * (math.pi / 2 - 1) / (4 * math.pi))
    assert np.allclose(law_curve(node)[1], angle_curve(node)[1], atol=1e-12)
    leaky = Node(activation="leaky_relu", slope=0.3)
    assert np.allclose(law_curve(leaky)[1], angle_curve(leaky)[1], atol=1e-12)


@pytest.mark.parametrize("other", [Node(models=3), Node(mean=0.1), Node(activation="gelu")])
def test_law_is_claimed_nowhere_else(other):
    assert not other.follows_law


@pytest.mark.parametrize("activation", ["relu", "leaky_relu", "gelu", "quick_gelu"])
def test_simulation_agrees_with_the_curve(activation):
    node = Node(models=4, mean=0.4, activation=activation, slope=0.2)
    angles, values, errors = simulated_curve(node, 3)
    exact = np.array([mloss_of(node.at_angle(angle)) for angle in angles])
    assert np.all(np.abs(values - exact) < 5 * errors + 1e-12)
    assert np.all(errors > 0)
    assert not np.array_equal(values, simulated_curve(node, 4)[1])


def test_one_draw_averages_both_ways():
    draw = one_draw(Node(), 1)
    assert draw.merged == max(0, draw.z.mean())
    assert draw.ensemble == pytest.approx(np.maximum(draw.z, 0).mean())
    assert draw.gap < 0, "the first draw shows a gap, and ReLU is convex"


def test_draws_have_the_moments_of_the_sliders():
    node = Node(models=3, mean=1.0, spread=2.0, correlation=0.6)
    z = np.array([one_draw(node, number).z for number in range(4000)])
    assert np.allclose(z.mean(axis=0), 1.0, atol=0.15)
    assert np.allclose(np.cov(z.T), node.covariance(), atol=0.35)


def test_models_that_agree_draw_the_same():
    draw = one_draw(Node(models=8, correlation=1.0), 5)
    assert np.ptp(draw.z) < 1e-12
    assert draw.gap == pytest.approx(0, abs=1e-12)


def test_share_of_inputs_on_different_sides():
    assert opposite_share(Node(correlation=0.5)) == pytest.approx(1 / 3, abs=1e-4)
    assert opposite_share(Node(correlation=0.0, spread=0.7)) == pytest.approx(0.5, abs=1e-4)
    assert opposite_share(Node(correlation=1.0)) == 0
    assert opposite_share(Node(correlation=-1.0)) == pytest.approx(1, abs=2e-3)
    assert opposite_share(Node(mean=3.0, spread=0.5)) < 1e-6


@pytest.mark.parametrize(("activation", "order"), [("relu", 3), ("gelu", 4)])
def test_distance_grows_by_its_order(activation, order):
    low, high = distance_mloss(0.01, 3, activation), distance_mloss(0.02, 3, activation)
    assert math.log2(high / low) == pytest.approx(order, abs=0.01)
    curve = distance_curve(3, activation)
    assert curve.leading[0] == pytest.approx(curve.exact[0], rel=0.01)
    assert curve.leading[-1] > curve.exact[-1]


def test_distance_in_words_of_angle_and_energy():
    assert distance_angle(1.0) == pytest.approx(60)
    # A ReLU keeps half of its input's mean square.
    assert energy_share(0.5, 2, "relu") == pytest.approx(distance_mloss(0.5, 2, "relu") / ((1 + 0.125) / 2), rel=1e-5)


def test_gap_of_relu_lives_near_the_kink():
    m, gap = gap_profile(0.5, "relu")
    assert gap.max() == pytest.approx(0.25**2)
    assert np.all(gap[np.abs(m) > 0.5 + 1e-9] < 1e-30)
    assert gap_profile(0.5, "gelu")[1][0] > 1e-8
