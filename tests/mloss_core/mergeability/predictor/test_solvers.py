import numpy as np
import pytest
import torch
from sklearn.linear_model import Lasso, Ridge

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.mergeability.predictor.ref_adam import fit_ref_adam, loss_and_gradient
from mloss_core.mergeability.predictor.scores import pearson
from mloss_core.mergeability.predictor.solvers import SOLVERS, check_alpha, get_solver, lasso_fits


@pytest.fixture(scope="module")
def data():
    random = np.random.default_rng(0)
    columns = random.uniform(-1, 1, (60, 5))
    return columns, columns @ np.array([2.0, -1.0, 0.0, 0.5, 0.0]) + 3 + 0.3 * random.standard_normal(60)


def test_lasso_and_ridge_are_those_of_scikit_learn(data):
    columns, target = data
    for alpha in (0.001, 0.05):
        model = Lasso(alpha=alpha, tol=1e-9, max_iter=100_000).fit(columns, target)
        fit = SOLVERS["lasso"].fit(columns, target, alpha, 0)
        assert fit.coefficients == pytest.approx(model.coef_, abs=1e-3)
        assert fit.predict(columns) == pytest.approx(model.predict(columns), abs=2e-3)
    ridge = SOLVERS["ridge"].fit(columns, target, 1.0, 0)
    assert ridge.predict(columns) == pytest.approx(Ridge(alpha=1.0).fit(columns, target).predict(columns))


def test_several_penalties_in_one_go_are_those_one_by_one(data):
    columns, target = data
    for alpha, fit in zip((0.03, 0.001), lasso_fits(columns, target, (0.03, 0.001)), strict=True):
        alone = SOLVERS["lasso"].fit(columns, target, alpha, 0)
        assert fit.coefficients == pytest.approx(alone.coefficients, abs=1e-3)


def test_least_squares_is_the_smallest_solution(data):
    columns, target = data
    twice = np.concatenate([columns, columns[:, :1]], axis=1)
    fit = SOLVERS["ols"].fit(twice, target, 0.0, 0)
    design = np.concatenate([twice, np.ones((60, 1))], axis=1)
    expected = np.linalg.pinv(design) @ target
    assert fit.coefficients == pytest.approx(expected[:-1], abs=1e-8)
    assert fit.coefficients[0] == pytest.approx(fit.coefficients[-1])


def test_the_references_gradient_is_that_of_automatic_differentiation(data):
    columns, target = data[0] - data[0].mean(axis=0), data[1] - data[1].mean()
    weights = torch.tensor([0.3, -0.2, 0.1, 0.4, -0.5], dtype=torch.float64, requires_grad=True)
    guess = torch.tensor(columns) @ weights
    goal = torch.tensor(target)
    r = guess @ goal / (guess.norm() * goal.norm() + 1e-8)
    expected = -r + 0.7 * weights.abs().sum()
    expected.backward()
    loss, gradient = loss_and_gradient(columns, target, weights.detach().numpy(), 0.7)
    assert loss == pytest.approx(expected.item()) and gradient == pytest.approx(weights.grad.numpy())


def test_the_references_fit_finds_what_least_squares_finds_without_penalty(data):
    columns, target = data
    r = pearson(columns @ fit_ref_adam(columns, target, 0.0, 0), target)
    best = pearson(SOLVERS["ols"].fit(columns, target, 0.0, 0).predict(columns), target)
    assert r == pytest.approx(best, abs=2e-3)
    fit = SOLVERS["ref_adam"].fit(columns, target, 1.0, 3)
    assert np.array_equal(fit.coefficients, SOLVERS["ref_adam"].fit(columns, target, 1.0, 3).coefficients)
    # In units: the line through its training rows has slope 1.
    guess = fit.predict(columns)
    assert np.polyfit(guess, target, 1) == pytest.approx([1.0, 0.0], abs=1e-8)


def test_the_network_is_the_same_for_the_same_seed(data):
    columns, target = data
    one, other = (SOLVERS["mlp"].fit(columns, target, 1.0, 5).predict(columns) for _ in range(2))
    assert np.array_equal(one, other) and pearson(one, target) > 0.9
    assert SOLVERS["mlp"].fit(columns, target, 1.0, 5).coefficients is None


@pytest.mark.parametrize(
    ("solver", "alpha", "sentence"),
    [
        ("lasso", 0, "at least 1e-08; found 0; without a penalty it is ols"),
        ("ridge", -1.0, "at least 0; found -1"),
        ("lasso", float("nan"), "must be a number or nested; found nan"),
        ("lasso", "much", "must be a number or nested; found 'much'"),
        ("mlp", "nested", "mlp has no grid"),
    ],
)
def test_penalties_that_make_no_sense(solver, alpha, sentence):
    with pytest.raises(InvalidOptionError, match=sentence):
        check_alpha(get_solver(solver), alpha)


def test_defaults_and_unknown_solvers():
    assert check_alpha(get_solver("lasso"), None) == 0.003 and check_alpha(get_solver("ols"), 7.0) == 0.0
    with pytest.raises(UnknownNameError, match="did you mean 'lasso'"):
        get_solver("laso")
