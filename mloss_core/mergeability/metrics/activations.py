"""Whether two models see the same images alike: their activations on images of the two tasks."""

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

_VECTOR = "the output of the last block, mean over tokens and over calibration images of both tasks"


def _ratio(facts: Facts) -> Value:
    lengths = length(facts, "a"), length(facts, "b")
    return ratio(*lengths) if max(lengths) > 0 else Undefined("both activations are zero")


def _similarity(facts: Facts) -> Value:
    found = facts["cka"]
    if not np.isfinite(found).all():
        return Undefined(
            "a model gives every image the same activation in a block, or there are fewer than four images"
        )
    return float(np.mean(found))


ACTIVATION = (
    Metric(
        name="activation_l2_distance",
        title="Activation distance",
        category="activation",
        formula="|h(a) − h(b)|",
        unit="activation",
        range=POSITIVE,
        higher_is_better=False,
        needs_data="unlabeled",
        facts="activations",
        function=distance,
        published=True,
        summary=f"Euclidean distance of the two models' mean activations: {_VECTOR}.",
    ),
    Metric(
        name="activation_cosine_similarity",
        title="Activation cosine",
        category="activation",
        formula="⟨h(a), h(b)⟩ / (|h(a)| |h(b)|)",
        unit="cosine",
        range=SIGNED,
        higher_is_better=True,
        needs_data="unlabeled",
        facts="activations",
        function=lambda facts: cosine(facts, what="an activation"),
        published=True,
        summary=f"Cosine of the two models' mean activations: {_VECTOR}.",
    ),
    Metric(
        name="activation_magnitude_ratio",
        title="Activation length ratio",
        category="activation",
        formula="min(|h(a)|, |h(b)|) / max(|h(a)|, |h(b)|)",
        unit="ratio",
        range=FRACTION,
        higher_is_better=True,
        needs_data="unlabeled",
        facts="activations",
        function=_ratio,
        published=True,
        summary=f"Length of the shorter of the two models' mean activations relative to the longer one: {_VECTOR}.",
    ),
    Metric(
        name="activation_dot_product",
        title="Activation dot product",
        category="activation",
        formula="⟨h(a), h(b)⟩",
        unit="squared activation",
        range=UNBOUNDED,
        higher_is_better=True,
        needs_data="unlabeled",
        facts="activations",
        function=lambda facts: float(facts["dot"]),
        published=True,
        summary=f"Inner product of the two models' mean activations: {_VECTOR}.",
    ),
)

SIMILARITY = (
    Metric(
        name="linear_cka",
        title="Linear CKA",
        category="activation",
        formula="⟨K, L⟩ / √(⟨K, K⟩ ⟨L, L⟩), K = X(a) X(a)ᵀ and L likewise, U-centred",
        unit="similarity",
        range=SIGNED,
        higher_is_better=True,
        needs_data="unlabeled",
        facts="activations",
        function=_similarity,
        blocks="cka",
        summary="Centred kernel alignment, without the bias of few images, of the two models' token means on the same "
        "images of both tasks: 1 the same geometry, 0 unrelated; mean over blocks.",
    ),
)
