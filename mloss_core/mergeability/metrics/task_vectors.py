"""Geometry of two task vectors, flattened over all floating tensors; and what one number of it says as a rank."""

import math
from collections.abc import Callable

import numpy as np

from mloss_core.mergeability.metrics.record import (
    FRACTION,
    POSITIVE,
    SIGNED,
    UNBOUNDED,
    Facts,
    Metric,
    Undefined,
    Value,
    cosine,
    distance,
    length,
    ratio,
)

_ZERO = "a task vector"
_SHORT = 1e-10
"""Tensors in which a model moved no further than this have no layer of their own in the layer-wise rank."""


def _angle(facts: Facts) -> Value:
    found = cosine(facts, what=_ZERO)
    return found if isinstance(found, Undefined) else math.degrees(math.acos(found))


def _magnitude_ratio(facts: Facts) -> Value:
    lengths = length(facts, "a"), length(facts, "b")
    return ratio(*lengths) if max(lengths) > 0 else Undefined("both task vectors are zero")


def singular_values(square_a: np.ndarray, square_b: np.ndarray, dot: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Singular values s1 >= s2 of the two rows (a, b), from their 2 x 2 Gram matrix in float64, without cancellation.

    Example:
        >>> singular_values(np.array(4.0), np.array(4.0), np.array(0.0))
        (np.float64(2.0), np.float64(2.0))
    """
    whole = square_a + square_b
    root = np.sqrt((square_a - square_b) ** 2 + 4 * dot**2)
    determinant = np.maximum(square_a * square_b - dot**2, 0.0)
    second = np.divide(2 * determinant, whole + root, out=np.zeros_like(whole * 1.0), where=whole + root > 0)
    return np.sqrt((whole + root) / 2), np.sqrt(second)


def effective_ranks(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """exp of the entropy of (s1, s2) / (s1 + s2), in [1, 2]."""
    share = np.stack([first, second]) / (first + second)
    return np.exp(-np.sum(share * np.log(np.where(share > 0, share, 1.0)), axis=0))


def _values(facts: Facts) -> tuple[float, float] | Undefined:
    # Scaled first: the squares of very long or short task vectors leave the range of float64.
    scale = max(float(facts["square_a"]), float(facts["square_b"]))
    if scale == 0:
        return Undefined("both task vectors are zero")
    first, second = singular_values(*(np.asarray(facts[name] / scale) for name in ("square_a", "square_b", "dot")))
    return float(first), float(second)


def _of_values(facts: Facts, function: Callable[[float, float], float]) -> Value:
    found = _values(facts)
    return found if isinstance(found, Undefined) else float(function(*found))


def _effective_rank(facts: Facts) -> Value:
    return _of_values(facts, lambda first, second: float(effective_ranks(np.asarray(first), np.asarray(second))))


def _stable_rank(facts: Facts) -> Value:
    return _of_values(facts, lambda first, second: (first + second) ** 2 / (first**2 + second**2))


def _value_ratio(facts: Facts) -> Value:
    return _of_values(facts, lambda first, second: second / first)


def _spectral_gap(facts: Facts) -> Value:
    return _of_values(facts, lambda first, second: (first - second) / first)


def _score(rank: Value) -> Value:
    return rank if isinstance(rank, Undefined) else float(np.clip(2 - rank, 0.0, 1.0))


def _layerwise_rank(facts: Facts) -> Value:
    a, b, dot = facts["tensor_square_a"], facts["tensor_square_b"], facts["tensor_dot"]
    moved = np.minimum(a, b) >= _SHORT**2
    if not moved.any():
        return Undefined("no tensor was moved by both models")
    ranks = effective_ranks(*singular_values(a[moved], b[moved], dot[moved]))
    return float(np.average(ranks, weights=np.sqrt(a[moved]) + np.sqrt(b[moved])))


def sign_conflict(facts: Facts) -> Value:
    """Among the weights that both models changed, the fraction that they moved in opposite directions, in [0, 1]."""
    if facts["both"] == 0:
        return Undefined("no weight was changed by both models")
    return float(facts["conflicts"] / facts["both"])


TASK_VECTOR = (
    Metric(
        name="task_vector_cosine_similarity",
        title="Task-vector cosine",
        category="task_vector",
        formula="⟨a, b⟩ / (|a| |b|)",
        unit="cosine",
        range=SIGNED,
        higher_is_better=True,
        facts="geometry",
        function=lambda facts: cosine(facts, what=_ZERO),
        published=True,
        summary="Cosine of the angle between the two flattened task vectors: 1 the same direction, 0 unrelated.",
    ),
    Metric(
        name="task_vector_l2_distance",
        title="Task-vector distance",
        category="task_vector",
        formula="|a − b|",
        unit="weight",
        range=POSITIVE,
        higher_is_better=False,
        facts="geometry",
        function=distance,
        published=True,
        summary="Euclidean distance between the two models' weights.",
    ),
    Metric(
        name="task_vector_dot_product",
        title="Task-vector dot product",
        category="task_vector",
        formula="⟨a, b⟩",
        unit="squared weight",
        range=UNBOUNDED,
        higher_is_better=True,
        facts="geometry",
        function=lambda facts: float(facts["dot"]),
        published=True,
        summary="Inner product of the two flattened task vectors.",
    ),
    Metric(
        name="weight_space_angle",
        title="Weight-space angle",
        category="task_vector",
        formula="arccos(⟨a, b⟩ / (|a| |b|))",
        unit="degree",
        range=(0.0, 180.0),
        higher_is_better=False,
        facts="geometry",
        function=_angle,
        published=True,
        summary="Angle between the two flattened task vectors: 90 degrees unrelated.",
    ),
    Metric(
        name="task_vector_magnitude_ratio",
        title="Task-vector length ratio",
        category="task_vector",
        formula="min(|a|, |b|) / max(|a|, |b|)",
        unit="ratio",
        range=FRACTION,
        higher_is_better=True,
        facts="geometry",
        function=_magnitude_ratio,
        published=True,
        summary="Length of the shorter task vector relative to that of the longer one.",
    ),
)

EFFECTIVE_RANK = (
    Metric(
        name="effective_rank",
        title="Effective rank",
        category="effective_rank",
        formula="exp(−Σ pᵢ ln pᵢ), pᵢ = sᵢ / (s₁ + s₂)",
        unit="rank",
        range=(1.0, 2.0),
        higher_is_better=False,
        facts="geometry",
        function=_effective_rank,
        published=True,
        summary="How many directions the two task vectors span, from the singular values s of the two as rows: 1 the "
        "same direction or one much longer, 2 equally long at a right angle.",
    ),
    Metric(
        name="effective_rank_mergeability_score",
        title="Effective-rank score",
        category="effective_rank",
        formula="2 − effective rank",
        unit="score",
        range=FRACTION,
        higher_is_better=True,
        facts="geometry",
        function=lambda facts: _score(_effective_rank(facts)),
        published=True,
        summary="Two minus the effective rank, an exact function of it.",
    ),
    Metric(
        name="stable_rank",
        title="Stable rank, as published",
        category="effective_rank",
        formula="(s₁ + s₂)² / (s₁² + s₂²)",
        unit="rank",
        range=(1.0, 2.0),
        higher_is_better=False,
        facts="geometry",
        function=_stable_rank,
        published=True,
        summary="A function of the same two singular values; the name is its authors', not the usual stable rank.",
    ),
    Metric(
        name="spectral_gap",
        title="Spectral gap",
        category="effective_rank",
        formula="(s₁ − s₂) / s₁",
        unit="ratio",
        range=FRACTION,
        higher_is_better=True,
        facts="geometry",
        function=_spectral_gap,
        published=True,
        summary="How much the first of the same two singular values leads; one minus the singular-value ratio.",
    ),
    Metric(
        name="singular_value_ratio",
        title="Singular-value ratio",
        category="effective_rank",
        formula="s₂ / s₁",
        unit="ratio",
        range=FRACTION,
        higher_is_better=False,
        facts="geometry",
        function=_value_ratio,
        published=True,
        summary="The second of the same two singular values relative to the first.",
    ),
    Metric(
        name="layerwise_effective_rank",
        title="Effective rank by layer",
        category="effective_rank",
        formula="Σ wₗ rₗ / Σ wₗ, wₗ = |aₗ| + |bₗ|",
        unit="rank",
        range=(1.0, 2.0),
        higher_is_better=False,
        facts="geometry",
        function=_layerwise_rank,
        published=True,
        summary="Effective rank of each tensor's pair of changes, averaged by how far both moved in it.",
    ),
    Metric(
        name="layerwise_effective_rank_mergeability_score",
        title="Effective-rank score by layer",
        category="effective_rank",
        formula="2 − effective rank by layer",
        unit="score",
        range=FRACTION,
        higher_is_better=True,
        facts="geometry",
        function=lambda facts: _score(_layerwise_rank(facts)),
        published=True,
        summary="Two minus the effective rank by layer, an exact function of it.",
    ),
)

SIGNS = (
    Metric(
        name="sign_conflict",
        title="Sign conflict",
        category="task_vector",
        formula="#{aⱼ bⱼ < 0} / #{aⱼ ≠ 0, bⱼ ≠ 0}",
        unit="fraction",
        range=FRACTION,
        higher_is_better=False,
        facts="geometry",
        function=sign_conflict,
        summary="Among the weights whose entry is nonzero in both task vectors, the fraction with opposite signs; "
        "0.5 is what chance gives.",
    ),
)
