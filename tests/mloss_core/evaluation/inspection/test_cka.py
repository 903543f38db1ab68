import numpy as np
import pytest

from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation.inspection.cka import aligned, gram_of, linear_cka


def unbiased_hsic(k, l):  # noqa: E741
    """Song et al. 2012, equation 5, written out."""
    n, one = len(k), np.ones(len(k))
    k, l = k - np.diag(np.diag(k)), l - np.diag(np.diag(l))  # noqa: E741
    whole = (
        np.trace(k @ l) + (one @ k @ one) * (one @ l @ one) / ((n - 1) * (n - 2)) - 2 / (n - 2) * (one @ k @ l @ one)
    )
    return whole / (n * (n - 3))


def test_it_is_the_ratio_of_unbiased_hsics():
    draw = np.random.default_rng(0)
    x = draw.normal(size=(12, 5)) + 3
    y = x @ draw.normal(size=(5, 7)) + draw.normal(size=(12, 7))
    k, l = x @ x.T, y @ y.T  # noqa: E741
    dense = unbiased_hsic(k, l) / np.sqrt(unbiased_hsic(k, k) * unbiased_hsic(l, l))
    assert linear_cka(x, y) == pytest.approx(dense)


def test_rotation_scale_and_shift_change_nothing():
    draw = np.random.default_rng(1)
    x = draw.normal(size=(30, 6))
    rotation = np.linalg.qr(draw.normal(size=(6, 6)))[0]
    assert linear_cka(x, x) == pytest.approx(1)
    assert linear_cka(x, 5 * x @ rotation + 2) == pytest.approx(1)


def test_unrelated_features_come_out_near_zero_however_many_they_are():
    """The plain form of 400 features of 50 images is near 1."""
    draw = np.random.default_rng(2)
    x, y = draw.normal(size=(2, 50, 400))
    xc, yc = x - x.mean(0), y - y.mean(0)
    plain = np.linalg.norm(xc.T @ yc) ** 2 / (np.linalg.norm(xc.T @ xc) * np.linalg.norm(yc.T @ yc))
    assert plain > 0.8 and abs(linear_cka(x, y)) < 0.1


def test_constant_features_have_no_similarity_also_with_rounding():
    other = np.arange(12.0).reshape(6, 2) ** 2
    assert np.isnan(linear_cka(np.ones((6, 2)), other))
    assert np.isnan(linear_cka(0.1 + 1e-17 * other, other))
    almost = 0.1 + np.random.default_rng(0).choice([0.0, 1.4e-17], (6, 2))
    assert np.isnan(linear_cka(almost, other))


def test_each_side_has_a_scale_of_its_own():
    draw = np.random.default_rng(1)
    x = draw.normal(size=(9, 4))
    assert linear_cka(x, 1e-8 * x) == pytest.approx(1)


def test_images_must_be_enough_and_the_same():
    for first, second in ((3, 3), (5, 6)):
        with pytest.raises(InvalidOptionError, match=f"at least 4; found {first} and {second}"):
            linear_cka(np.ones((first, 2)), np.ones((second, 2)))


def test_the_error_tells_how_far_other_images_would_move_it():
    draw = np.random.default_rng(3)
    x = draw.normal(size=(4000, 8))
    y = x + draw.normal(size=(4000, 8))
    parts = [aligned(gram_of(x[i : i + 80]), gram_of(y[i : i + 80])) for i in range(0, 4000, 80)]
    values, errors = np.array(parts).T
    assert errors.mean() == pytest.approx(values.std(), rel=0.4)
