"""The lab's own metrics: M-Loss of the pair, what weights alone expect of it, and what it leaves out."""

import numpy as np

from mloss_core.mergeability.metrics.record import POSITIVE, Facts, Metric


def total_mloss(facts: Facts) -> float:
    """Mean over blocks of the layer's M-Loss, itself a mean over nodes: (block,) -> number."""
    return float(np.mean(facts["mloss"]))


def normalised_mloss(facts: Facts) -> float:
    """Mean over blocks of the scale-free layer form: (block,) -> number."""
    return float(np.mean(facts["normalised"]))


def expected_total(facts: Facts) -> float:
    """Mean over blocks of the expected M-Loss: (block,) -> number."""
    return float(np.mean(facts["expected"]))


DISAGREEMENT = (
    Metric(
        name="mloss",
        title="Pairwise M-Loss",
        category="disagreement",
        formula="E (φ(½ z(a) + ½ z(b)) − ½ φ(z(a)) − ½ φ(z(b)))²",
        unit="squared activation",
        range=POSITIVE,
        higher_is_better=False,
        needs_data="unlabeled",
        facts="mloss",
        function=total_mloss,
        blocks="mloss",
        summary="M-Loss of the two models merged with equal weights, on calibration images of both tasks; mean over "
        "nodes, then over blocks.",
    ),
    Metric(
        name="mloss_normalised",
        title="Pairwise M-Loss, normalised",
        category="disagreement",
        formula="|merged − ensembled| / |merged|, of a layer's activations",
        unit="ratio",
        range=POSITIVE,
        higher_is_better=False,
        needs_data="unlabeled",
        facts="mloss",
        function=normalised_mloss,
        blocks="normalised",
        summary="The same in its scale-free form, the disagreement's length relative to the merged activation's; mean "
        "over images, then over blocks.",
    ),
    Metric(
        name="expected_mloss",
        title="Expected M-Loss",
        category="disagreement",
        formula="the same expectation, z Gaussian with the moments of the inputs",
        unit="squared activation",
        range=POSITIVE,
        higher_is_better=False,
        needs_data="unlabeled",
        facts="moments",
        function=expected_total,
        blocks="expected",
        summary="M-Loss that the two models' weights and the mean and covariance of each layer's inputs (of the "
        "pretrained model, on calibration images of both tasks) lead to expect; mean over nodes, then over blocks.",
    ),
)
