"""Linear centred kernel alignment: do two models place the same images alike?"""

import numpy as np

from mloss_core.errors import InvalidOptionError

FEWEST = 4
"""Images that the unbiased form needs."""
_ROUNDING = 1e-12
GROUPS = 16
"""Parts of the images that are left out in turn for the standard error."""


def linear_cka(first: np.ndarray, second: np.ndarray) -> float:
    """Linear centred kernel alignment of two sets of features of the same images, without the bias of few images.

    With K = X X^T and L = Y Y^T, both without their diagonals and U-centred: <K, L> / sqrt(<K, K> <L, L>), the ratio of
    unbiased estimates of HSIC (Song et al. 2012; Nguyen et al. 2021, arXiv 2010.15327). The plain form (Kornblith et
    al. 2019, arXiv 1905.00414) comes out near 1 whatever the features, once there are more of them than images.

    Args:
        first: (image, feature), at least 4 images; `second` likewise, perhaps with another number of features.

    Returns:
        At most 1; 1 for features that are equal up to rotation, scale and shift; about 0 for unrelated ones, also a
        little below; NaN where one of them is the same for all images.

    Raises:
        InvalidOptionError: fewer than 4 images, or different numbers of them.
    """
    if len(first) != len(second) or len(first) < FEWEST:
        raise InvalidOptionError(
            f"CKA compares features of the same images, at least {FEWEST}; found {len(first)} and {len(second)}."
        )
    return _alignment(gram_of(first), gram_of(second))


def gram_of(features: np.ndarray) -> np.ndarray:
    """Products of the features (image, image), around their mean, which takes rounding away and changes nothing."""
    exact = np.asarray(features, float)
    centred = exact - exact.mean(axis=0)
    gram = centred @ centred.T
    # What rounding leaves of features that are the same for all images is no pattern of images.
    constant = np.linalg.norm(gram) <= _ROUNDING * len(exact) * float(np.abs(exact).max(initial=0.0)) ** 2
    return np.zeros_like(gram) if constant else gram


def _u_centred(gram: np.ndarray) -> np.ndarray:
    """The matrix without its diagonal, minus row and column sums over n - 2, plus the total over (n - 1) (n - 2)."""
    count = len(gram)
    bare = gram - np.diag(np.diag(gram))
    sums = bare.sum(axis=0) / (count - 2)
    centred = bare - sums[:, None] - sums[None, :] + bare.sum() / ((count - 1) * (count - 2))
    np.fill_diagonal(centred, 0)
    return centred


def _alignment(first: np.ndarray, second: np.ndarray) -> float:
    a, b = _u_centred(first), _u_centred(second)
    scale = np.sqrt((a * a).sum() * (b * b).sum())
    return float((a * b).sum() / scale) if scale > 0 else float("nan")


def aligned(first: np.ndarray, second: np.ndarray) -> tuple[float, float]:
    """The alignment, and its standard error: groups of images left out in turn (jackknife)."""
    count = len(first)
    groups = min(GROUPS, count // 4)
    if groups < 2:
        return _alignment(first, second), float("nan")
    member = np.arange(count) % groups
    kept = [np.flatnonzero(member != group) for group in range(groups)]
    left = np.array([_alignment(first[np.ix_(keep, keep)], second[np.ix_(keep, keep)]) for keep in kept])
    return _alignment(first, second), float(np.sqrt((groups - 1) * left.var()))
