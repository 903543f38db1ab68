"""Expected M-Loss of one node whose pre-activations are jointly Gaussian. NumPy and SciPy only, float64.

With z ~ N(mean, covariance), weights w that sum to 1 and zbar = w . z, every activation phi gives

    E[M] = K(zbar, zbar) - 2 sum_i w_i K(zbar, z_i) + sum_ij w_i w_j K(z_i, z_j),    K(a, b) = E[phi(a) phi(b)].

K has a closed form for ReLU and exact GELU. Leaky ReLU follows from ReLU: its linear part cancels whatever the
distribution, so M = (1 - slope)^2 M_relu. The tanh GELU and QuickGELU take a two-dimensional trapezoid rule.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import erf, expit, ndtr, owens_t

from mloss_core.errors import InvalidOptionError, unknown_name

Array = NDArray[np.float64]
ACTIVATIONS = ("relu", "leaky_relu", "gelu", "gelu_tanh", "quick_gelu")
_SPAN = 9.0
_STEP = 0.2


def expected_mloss(
    mean: ArrayLike,
    covariance: ArrayLike,
    weights: ArrayLike | None = None,
    activation: str = "relu",
    slope: float = 0.01,
) -> float:
    """M-Loss of one node under Gaussian pre-activations, in closed form where there is one.

    Args:
        mean: mean of each model's pre-activation, (model,).
        covariance: their covariance, (model, model), positive semi-definite.
        weights: of the models, summing to 1; equal by default.
        activation: relu, leaky_relu, gelu, gelu_tanh or quick_gelu.
        slope: of leaky_relu below zero.

    Returns:
        The expected squared difference between the merged and the ensembled activation, at least 0.

    Raises:
        InvalidOptionError: shapes that do not fit, weights that do not sum to 1, a covariance that is none.
        UnknownNameError: another activation.

    Example:
        >>> round(expected_mloss([0, 0], [[1, 0], [0, 1]]), 6)  # a right angle: (pi/2 - 1) / (4 pi)
        0.045423
    """
    if activation not in ACTIVATIONS:
        raise unknown_name("activation", activation, ACTIVATIONS)
    mu, sigma, share = _checked(mean, covariance, weights)
    if activation == "leaky_relu":
        return (1 - slope) ** 2 * _second_moment(mu, sigma, share, relu_product)
    if activation == "relu":
        return _second_moment(mu, sigma, share, relu_product)
    if activation == "gelu":
        return _second_moment(mu, sigma, share, _gelu_product)
    return _second_moment(mu, sigma, share, _quadrature(numpy_activation(activation)))


def simulate_mloss(
    mean: ArrayLike,
    covariance: ArrayLike,
    weights: ArrayLike | None = None,
    activation: str = "relu",
    slope: float = 0.01,
    draws: int = 20_000,
    seed: int = 0,
) -> tuple[float, float]:
    """The same quantity from random draws: its mean and the standard error of that mean."""
    mu, sigma, share = _checked(mean, covariance, weights)
    values, vectors = np.linalg.eigh(sigma)
    root = vectors * np.sqrt(np.clip(values, 0, None))
    noise = np.random.default_rng(seed).standard_normal((draws, len(mu)))
    z = mu + noise @ root.T
    phi = numpy_activation(activation, slope)
    squared = (phi(z @ share) - phi(z) @ share) ** 2
    return float(squared.mean()), float(squared.std(ddof=1) / np.sqrt(draws))


def angle_law(angle: ArrayLike, variance: float = 1.0) -> Array:
    """ReLU M-Loss of two zero-mean models of equal variance: variance (t - sin t) / (4 pi), angle t in radians."""
    theta = np.asarray(angle, dtype=np.float64)
    return variance * (theta - np.sin(theta)) / (4 * np.pi)


def small_disagreement(epsilon: ArrayLike, backbone: float = 1.0, models: int = 2, activation: str = "relu") -> Array:
    """Leading order for a shared backbone of deviation S and independent differences of deviation epsilon, zero mean.

    ReLU: eps^3 / (3 pi S) (1 - 1/n) (sqrt 2 - sqrt(1 - 1/n)), third order in the disagreement. GELU: fourth order.

    Raises:
        UnknownNameError: an activation other than relu and gelu.
    """
    eps, n = np.asarray(epsilon, dtype=np.float64), models
    if activation == "relu":
        return eps**3 / (3 * np.pi * backbone) * (1 - 1 / n) * (np.sqrt(2) - np.sqrt(1 - 1 / n))
    if activation == "gelu":
        tau = backbone**2 + eps**2 / n
        u = tau / (1 + 2 * tau)
        return eps**4 / 4 * (1 - 1 / n**2) * (4 - 4 * u + 3 * u**2) / (2 * np.pi * np.sqrt(1 + 2 * tau))
    raise unknown_name("activation", activation, ("relu", "gelu"))


def numpy_activation(name: str, slope: float = 0.01) -> Callable[[Array], Array]:
    """The activation on float64 arrays.

    Raises:
        UnknownNameError: not one of relu, leaky_relu, gelu, gelu_tanh, quick_gelu.
    """
    functions: dict[str, Callable[[Array], Array]] = {
        "relu": lambda z: np.maximum(z, 0),
        "leaky_relu": lambda z: np.where(z > 0, z, slope * z),
        "gelu": lambda z: z * 0.5 * (1 + erf(z / np.sqrt(2))),
        "gelu_tanh": lambda z: 0.5 * z * (1 + np.tanh(np.sqrt(2 / np.pi) * (z + 0.044715 * z**3))),
        "quick_gelu": lambda z: z * expit(1.702 * z),
    }
    if name not in functions:
        raise unknown_name("activation", name, ACTIVATIONS)
    return functions[name]


def _checked(mean: ArrayLike, covariance: ArrayLike, weights: ArrayLike | None) -> tuple[Array, Array, Array]:
    mu = np.atleast_1d(np.asarray(mean, dtype=np.float64))
    sigma = np.atleast_2d(np.asarray(covariance, dtype=np.float64))
    n = len(mu)
    if mu.ndim != 1 or sigma.shape != (n, n):
        raise InvalidOptionError(f"the covariance of {n} models must be {n} x {n}; found {sigma.shape}.")
    share = np.full(n, 1 / n) if weights is None else np.asarray(weights, dtype=np.float64)
    if share.shape != (n,) or abs(share.sum() - 1) > 1e-6:
        raise InvalidOptionError(f"weights must be {n} numbers that sum to 1; found {share.tolist()}.")
    if not np.allclose(sigma, sigma.T) or np.linalg.eigvalsh(sigma).min() < -1e-9 * max(1.0, np.abs(sigma).max()):
        raise InvalidOptionError("a covariance must be symmetric and positive semi-definite; this one is not.")
    return mu, sigma, share


Product = Callable[[Array, Array, Array, Array, Array], Array]


def _second_moment(mu: Array, sigma: Array, share: Array, product: Product) -> float:
    """E[M] from the products of zbar and all z_i, put in one list whose coefficients are (1, -w)."""
    mix = np.vstack([share, np.eye(len(mu))])
    mean, cov = mix @ mu, mix @ sigma @ mix.T
    coefficient = np.concatenate([[1.0], -share])
    a, b = np.meshgrid(np.arange(len(mean)), np.arange(len(mean)), indexing="ij")
    var = np.clip(np.diag(cov), 0, None)
    with np.errstate(over="ignore", under="ignore"):
        value = float(coefficient @ product(mean[a], mean[b], var[a], var[b], cov) @ coefficient)
    if not np.isfinite(value):
        raise InvalidOptionError(f"means and variances must be of ordinary size; E[M] comes out as {value}.")
    return max(0.0, value)


def _pdf(x: Array) -> Array:
    return np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)


def _correlation(va: Array, vb: Array, c: Array) -> Array:
    scale = np.sqrt(va * vb)
    return np.clip(np.divide(c, scale, out=np.zeros_like(c), where=scale > 0), -1, 1)


def _bivariate_cdf(a: Array, b: Array, r: Array) -> Array:
    """P(X <= a, Y <= b) for standard normals of correlation r, by Owen's T (all sign cases)."""
    s = np.sqrt(np.clip(1 - r**2, 0, None))
    with np.errstate(divide="ignore", invalid="ignore"):
        ta = owens_t(a, np.where(a != 0, (b / a - r) / s, np.sign(b) * np.inf))
        tb = owens_t(b, np.where(b != 0, (a / b - r) / s, np.sign(a) * np.inf))
        general = 0.5 * (ndtr(a) + ndtr(b)) - ta - tb - 0.5 * ((a * b < 0) | ((a * b == 0) & (a + b < 0)))
        origin = 0.25 + np.arcsin(r) / (2 * np.pi)
    value = np.where((a == 0) & (b == 0), origin, general)
    value = np.where(r >= 1, ndtr(np.minimum(a, b)), value)
    return np.where(r <= -1, np.clip(ndtr(a) + ndtr(b) - 1, 0, None), value)


def relu_product(ma: Array, mb: Array, va: Array, vb: Array, c: Array) -> Array:
    """E[relu(a) relu(b)]; a model without spread is a constant."""
    sa, sb = np.sqrt(va), np.sqrt(vb)
    r = _correlation(va, vb, c)
    with np.errstate(divide="ignore", invalid="ignore"):
        alpha, beta = ma / sa, mb / sb
        s = np.sqrt(np.clip(1 - r**2, 0, None))
        cross_a = _pdf(alpha) * ndtr((beta - r * alpha) / s)
        cross_b = _pdf(beta) * ndtr((alpha - r * beta) / s)
        joint = np.exp(-(alpha**2 - 2 * r * alpha * beta + beta**2) / (2 * s**2)) / (2 * np.pi * s)
        value = (ma * mb + c) * _bivariate_cdf(alpha, beta, r) + mb * sa * cross_a + ma * sb * cross_b
        value = value + sa * sb * s**2 * joint
        same = (ma * mb + c) * ndtr(np.minimum(alpha, beta)) + _comonotone(ma, mb, sa, sb, alpha, beta)
        against = _countermonotone(ma, mb, sa, sb, alpha, beta)
    value = np.where(r >= 1 - 1e-14, same, np.where(r <= -1 + 1e-14, against, value))
    mean_a = np.where(sa > 0, ma * ndtr(np.nan_to_num(alpha)) + sa * _pdf(np.nan_to_num(alpha)), np.maximum(ma, 0))
    mean_b = np.where(sb > 0, mb * ndtr(np.nan_to_num(beta)) + sb * _pdf(np.nan_to_num(beta)), np.maximum(mb, 0))
    return np.where((sa > 0) & (sb > 0), value, mean_a * mean_b)


def _comonotone(ma: Array, mb: Array, sa: Array, sb: Array, alpha: Array, beta: Array) -> Array:
    """The rest of E[relu(a) relu(b)] at correlation one: both stand on one normal above -min(alpha, beta)."""
    low = np.minimum(alpha, beta)
    return (ma * sb + mb * sa - sa * sb * low) * _pdf(low)


def _countermonotone(ma: Array, mb: Array, sa: Array, sb: Array, alpha: Array, beta: Array) -> Array:
    """E[relu(a) relu(b)] at correlation minus one: one normal x with a = ma + sa x, b = mb - sb x, both positive."""
    low, high = -alpha, np.maximum(beta, -alpha)
    mass = ndtr(high) - ndtr(low)
    first = _pdf(low) - _pdf(high)
    second = mass + low * _pdf(low) - high * _pdf(high)
    return ma * mb * mass + (sa * mb - ma * sb) * first - sa * sb * second


def _gelu_product(ma: Array, mb: Array, va: Array, vb: Array, c: Array) -> Array:
    """E[gelu(a) gelu(b)] for the exact GELU, by Stein's lemma; there is no degenerate case."""
    ta, tb = np.sqrt(1 + va), np.sqrt(1 + vb)
    alpha, beta, r = ma / ta, mb / tb, c / (ta * tb)
    s = np.sqrt(1 - r**2)
    p = _pdf(alpha) * ndtr((beta - r * alpha) / s)
    q = _pdf(beta) * ndtr((alpha - r * beta) / s)
    d = np.exp(-(alpha**2 - 2 * r * alpha * beta + beta**2) / (2 * s**2)) / (2 * np.pi * s)
    g, g_a, g_b, g_ab = _bivariate_cdf(alpha, beta, r), p / ta, q / tb, d / (ta * tb)
    g_aa, g_bb = -(alpha * p + r * d) / ta**2, -(beta * q + r * d) / tb**2
    linear = (ma * mb + c) * g + (ma * c + va * mb) * g_a + (mb * c + vb * ma) * g_b
    return linear + (va * vb + c**2) * g_ab + c * va * g_aa + c * vb * g_bb


def _quadrature(phi: Callable[[Array], Array]) -> Product:
    """E[phi(a) phi(b)] by the trapezoid rule in standardised coordinates; E[M] cancels too much for Gauss-Hermite."""

    def product(ma: Array, mb: Array, va: Array, vb: Array, c: Array) -> Array:
        finest = min(1.0, 1.0 / np.sqrt(max(float(va.max()), float(vb.max()), 1e-300)))
        x = np.arange(-_SPAN, _SPAN + 1e-9, _STEP * max(finest, 0.05))
        mass = _pdf(x) * (x[1] - x[0])
        values = np.empty_like(c)
        known: dict[tuple[str, ...], float] = {}
        for index in np.ndindex(c.shape):
            # Models of equal moments share their integral: eight of them need five, not 81.
            alike = tuple(f"{part[index]:.12g}" for part in (ma, mb, va, vb, c))
            if alike in known:
                values[index] = known[alike]
                continue
            sa, sb = np.sqrt(va[index]), np.sqrt(vb[index])
            r = np.clip(c[index] / (sa * sb), -1, 1) if sa * sb > 0 else 0.0
            first = phi(ma[index] + sa * x) * mass
            second = phi(mb[index] + sb * (r * x[:, None] + np.sqrt(1 - r**2) * x[None, :])) @ mass
            values[index] = known[alike] = first @ second
        return values

    return product
