import numpy as np
import pytest
import torch

from mloss_core.merging.tensors import decompositions, spectrum_store
from mloss_core.merging.tensors.decompositions import Decomposer
from mloss_core.placement import one_thread


@pytest.fixture(autouse=True)
def empty():
    spectrum_store.forget()
    yield
    spectrum_store.forget()


def matrix(rows, columns, values, seed=0, dtype=torch.float64):
    """A matrix with these singular values."""
    draw = np.random.default_rng(seed)
    rank = len(values)
    left, right = (np.linalg.qr(draw.standard_normal((side, rank)))[0] for side in (rows, columns))
    return torch.from_numpy((left * np.array(values)) @ right.T).to(dtype)


def whole(spectrum):
    return (spectrum.left * spectrum.values) @ spectrum.right.T


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(9, 5), (5, 9), (6, 6)])
def test_the_leading_triplets_are_those_of_an_svd(precision, shape):
    exact = matrix(*shape, [5.0, 4.0, 2.0, 1.0, 0.5]).to(precision)
    left, values, right = np.linalg.svd(exact.double().numpy(), full_matrices=False)
    found = Decomposer(precision).leading(exact, 3)
    assert found.left.shape == (shape[0], 3) and found.right.shape == (shape[1], 3)
    assert found.left.dtype == torch.float64
    np.testing.assert_allclose(found.values.numpy(), values[:3], rtol=1e-10)
    np.testing.assert_allclose(whole(found).numpy(), (left[:, :3] * values[:3]) @ right[:3], atol=1e-10)
    for side in (found.left, found.right):
        np.testing.assert_allclose((side.T @ side).numpy(), np.eye(3), atol=1e-10)


@pytest.mark.parametrize("precision", [torch.float32, torch.float64])
def test_directions_that_are_noise_are_left_out(precision):
    low = matrix(8, 6, [3.0, 2.0]) + 1e-18
    decomposer = Decomposer(precision)
    assert len(decomposer.leading(low, 2).values) == 2 and not decomposer.met_noise
    assert len(decomposer.leading(low).values) == 2 and decomposer.met_noise
    assert len(Decomposer(precision, rank="full").leading(low).values) == 6


def test_a_matrix_of_zeros_has_no_directions():
    spectrum = Decomposer(torch.float32).leading(torch.zeros(4, 3))
    assert spectrum.left.shape == (4, 0) and spectrum.right.shape == (3, 0)
    assert torch.equal(spectrum.polar, torch.zeros(4, 3, dtype=torch.float64))


def test_what_a_projection_left_is_judged_by_the_whole():
    rest = matrix(6, 6, [1e-9, 1e-10])
    assert len(Decomposer(torch.float32).leading(rest, 2).values) == 2
    assert len(Decomposer(torch.float32).leading(rest, 2, size=1.0).values) == 0


def test_small_singular_values_that_count_are_as_accurate_as_an_svd():
    hard = matrix(40, 30, [1.0, *[0.1] * 28, 1e-5])
    left, _, right = np.linalg.svd(hard.numpy(), full_matrices=False)
    np.testing.assert_allclose(Decomposer(torch.float32).leading(hard).polar.numpy(), left @ right, atol=1e-9)


def test_a_polar_factor_is_the_closest_orthonormal_matrix():
    stack = matrix(7, 4, [2.0, 1.5, 1.0, 1e-3])
    left, _, right = np.linalg.svd(stack.numpy(), full_matrices=False)
    for precision in (torch.float32, torch.float64):
        np.testing.assert_allclose(Decomposer(precision).polar(stack).numpy(), left @ right, atol=1e-10)


def test_columns_that_coincide_share_a_direction_and_none_is_made_up():
    basis = torch.linalg.qr(torch.randn(6, 2, generator=torch.Generator().manual_seed(0), dtype=torch.float64))[0]
    for precision in (torch.float32, torch.float64):
        polar = Decomposer(precision).polar(torch.cat([basis, basis], 1))
        np.testing.assert_allclose(polar.numpy(), torch.cat([basis, basis], 1).numpy() / 2**0.5, atol=1e-10)
    empty = torch.zeros(6, 0, dtype=torch.float64)
    assert Decomposer(torch.float32).polar(empty).shape == (6, 0)


def test_a_matrix_is_decomposed_once(monkeypatch):
    calls = []
    by_gram = decompositions._by_gram
    monkeypatch.setattr(decompositions, "_by_gram", lambda tall: calls.append(tall.shape) or by_gram(tall))
    exact = matrix(9, 5, [5.0, 4.0, 2.0, 1.0, 0.5], dtype=torch.float32)
    first = Decomposer(torch.float32).leading(exact, 2)
    again = Decomposer(torch.float32).leading(exact.clone(), 2)
    assert calls == [(9, 5)] and torch.equal(first.left, again.left)
    Decomposer(torch.float32).leading(exact + 1, 2)
    assert len(calls) == 2


def test_what_lapack_fails_on_is_tried_otherwise(monkeypatch):
    def fail(*arguments, **options):
        raise torch.linalg.LinAlgError("no convergence")

    exact = matrix(6, 4, [4.0, 3.0, 2.0, 1.0], dtype=torch.float32)
    monkeypatch.setattr(torch.linalg, "eigh", fail)
    np.testing.assert_allclose(whole(Decomposer(torch.float32).leading(exact)).numpy(), exact.numpy(), atol=1e-6)
    svd, tries = torch.linalg.svd, []

    def fail_once(given, full_matrices):
        tries.append(given)
        return fail() if len(tries) == 1 else svd(given, full_matrices=full_matrices)

    monkeypatch.setattr(torch.linalg, "svd", fail_once)
    found = Decomposer(torch.float32).leading(exact, 3)
    assert len(tries) == 2 and not torch.equal(*tries)
    np.testing.assert_allclose(found.values.numpy(), [4.0, 3.0, 2.0], rtol=1e-6)


def test_threads_are_one_inside_and_as_before_outside():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyError), one_thread():
            with one_thread():
                assert torch.get_num_threads() == 1
            assert torch.get_num_threads() == 1
            raise KeyError
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
