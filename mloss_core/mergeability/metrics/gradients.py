"""Whether two models would go on learning alike: gradients of the loss on the same labelled images of both tasks."""

from mloss_core.mergeability.metrics.record import POSITIVE, SIGNED, UNBOUNDED, Metric, cosine, distance

_IMAGES = (
    "on the same labelled training images of both tasks, each with its own task's zero-shot head; mean over images"
)


def _metrics(prefix: str, title: str, what: str, unit: str) -> tuple[Metric, ...]:
    """Cosine, distance and inner product of one kind of gradient."""
    fact = f"{prefix.split('_')[0]}_"
    return (
        Metric(
            name=f"{prefix}_cosine_similarity",
            title=f"{title} cosine",
            category="gradient",
            formula="⟨g(a), g(b)⟩ / (|g(a)| |g(b)|)",
            unit="cosine",
            range=SIGNED,
            higher_is_better=True,
            needs_data="labeled",
            facts="gradients",
            function=lambda facts: cosine(facts, fact, "a gradient"),
            published=True,
            summary=f"Cosine of the two models' gradients with respect to {what}, {_IMAGES}.",
        ),
        Metric(
            name=f"{prefix}_l2_distance",
            title=f"{title} distance",
            category="gradient",
            formula="|g(a) − g(b)|",
            unit=unit,
            range=POSITIVE,
            higher_is_better=False,
            needs_data="labeled",
            facts="gradients",
            function=lambda facts: distance(facts, fact),
            published=True,
            summary=f"Euclidean distance of the two models' gradients with respect to {what}, {_IMAGES}.",
        ),
        Metric(
            name=f"{prefix}_dot_product",
            title=f"{title} dot product",
            category="gradient",
            formula="⟨g(a), g(b)⟩",
            unit=f"squared {unit}",
            range=UNBOUNDED,
            higher_is_better=True,
            needs_data="labeled",
            facts="gradients",
            function=lambda facts: float(facts[f"{fact}dot"]),
            published=True,
            summary=f"Inner product of the two models' gradients with respect to {what}, {_IMAGES}.",
        ),
    )


GRADIENT = (
    *_metrics("encoder_gradient", "Weight-gradient", "all weights of the encoder", "loss a weight"),
    *_metrics("input_gradient", "Pixel-gradient", "the pixels", "loss a pixel"),
)
