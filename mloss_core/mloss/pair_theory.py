"""Expected M-Loss of two models at many nodes at once, for jointly Gaussian pre-activations. In float64."""

import numpy as np
import torch
from numpy.typing import ArrayLike

from mloss_core.mloss.theory import Array, Product, relu_product
from mloss_core.vision.towers import activation_function

_ALONG, _ACROSS = 64, 12
"""Points of the Gauss-Hermite rule along s, where the activation bends, and across it, where the models differ."""


def expected_pair_mloss(mean: ArrayLike, spread: ArrayLike, activation: str = "relu", slope: float = 0.01) -> Array:
    """`expected_mloss` of two models with equal weights, for many nodes at once.

    With s = (z_1 + z_2)/2 and d = (z_1 - z_2)/2 the difference is phi(s) - (phi(s + d) + phi(s - d))/2, which keeps its
    digits where the models nearly agree. Smooth activations take a Gauss-Hermite rule over (s, d); ReLU's kink takes
    the closed form.

    Args:
        mean: (node, 2).
        spread: variances of both models and their covariance, (node, 3).
        activation: as in `expected_mloss`.
        slope: of leaky_relu below zero.

    Returns:
        (node,), at least 0.
    """
    mu, three = np.asarray(mean, np.float64), np.asarray(spread, np.float64)
    if activation in {"relu", "leaky_relu"}:
        factor = 1.0 if activation == "relu" else (1 - slope) ** 2
        return factor * _pair_moment(mu, three, relu_product)
    first, second, both = np.clip(three[:, 0], 0, None), np.clip(three[:, 1], 0, None), three[:, 2]
    of_sum, of_gap = np.clip(first + second + 2 * both, 0, None) / 4, np.clip(first + second - 2 * both, 0, None) / 4
    root = np.sqrt(of_gap)
    across = np.divide((first - second) / 4, root, out=np.zeros_like(root), where=root > 0)
    along = np.sqrt(np.clip(of_sum - across**2, 0, None))
    return _integrated(activation, mu.mean(1), (mu[:, 0] - mu[:, 1]) / 2, across, along, root)


def _integrated(activation: str, middle: Array, offset: Array, across: Array, along: Array, root: Array) -> Array:
    """Mean of (phi(s) - (phi(s + d) + phi(s - d))/2)^2 for s = middle + across x + along y, d = offset + root x."""
    phi = activation_function(activation)
    (gaps, gap_shares), (points, shares) = _hermite(_ACROSS), _hermite(_ALONG)
    weight, total = torch.from_numpy(shares), np.zeros(len(middle))
    for x, share in zip(gaps, gap_shares, strict=True):
        d = torch.from_numpy((offset + root * x)[:, None])
        s = torch.from_numpy((middle + across * x)[:, None] + along[:, None] * points)
        total += share * ((phi(s) - (phi(s + d) + phi(s - d)) / 2).square() @ weight).numpy()
    return total


def _hermite(count: int) -> tuple[Array, Array]:
    """Points and shares of the rule for a standard normal."""
    points, weights = np.polynomial.hermite_e.hermegauss(count)
    return points, weights / np.sqrt(2 * np.pi)


def _pair_moment(mu: Array, three: Array, product: Product) -> Array:
    """E[M] of two equal models by node, from the products of (zbar, z_1, z_2)."""
    mix = np.array([[0.5, 0.5], [1.0, 0.0], [0.0, 1.0]])
    covariance = np.stack([np.stack([three[:, 0], three[:, 2]], -1), np.stack([three[:, 2], three[:, 1]], -1)], -2)
    mean, spread = mu @ mix.T, mix @ covariance @ mix.T
    total = np.zeros(len(mu))
    for i, first in enumerate((1.0, -0.5, -0.5)):
        for j, second in enumerate((1.0, -0.5, -0.5)):
            va, vb = np.clip(spread[:, i, i], 0, None), np.clip(spread[:, j, j], 0, None)
            with np.errstate(over="ignore", under="ignore"):
                total += first * second * product(mean[:, i], mean[:, j], va, vb, spread[:, i, j])
    return np.clip(total, 0, None)
