import numpy as np
import pytest

from mloss_core.mergeability.sources.activations import linear_cka


def test_cka_is_the_feature_formula_whatever_turns_scales_and_shifts():
    draw = np.random.default_rng(0)
    a, b = draw.normal(size=(9, 4)), draw.normal(size=(9, 6))
    x, y = a - a.mean(0), b - b.mean(0)
    expected = np.linalg.norm(x.T @ y) ** 2 / (np.linalg.norm(x.T @ x) * np.linalg.norm(y.T @ y))
    assert linear_cka(a, b) == pytest.approx(expected)
    turned = 3 * a @ np.linalg.qr(draw.normal(size=(4, 4)))[0] + 5
    assert linear_cka(a, turned) == pytest.approx(1.0)
    assert linear_cka(a, 1e-8 * turned) == pytest.approx(1.0)


def test_a_constant_has_no_similarity():
    assert np.isnan(linear_cka(np.ones((5, 3)), np.random.default_rng(0).normal(size=(5, 3))))
