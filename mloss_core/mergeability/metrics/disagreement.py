"""The lab's own metrics: M-Loss of the pair, what weights alone expect of it, and what it leaves out."""

from collections.abc import Callable

import numpy as np

from mloss_core.mergeability.metrics.record import POSITIVE, Facts, Metric


def mean_over_blocks(name: str) -> Callable[[Facts], float]:
    """The metric that is the mean of a fact by block: (block,) -> number."""
    return lambda facts: float(np.mean(facts[name]))


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
        function=mean_over_blocks("mloss"),
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
        function=mean_over_blocks("normalised"),
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
        function=mean_over_blocks("expected"),
        blocks="expected",
        summary="M-Loss that the two models' weights and the mean and covariance of each layer's inputs (of the "
        "pretrained model, on calibration images of both tasks) lead to expect; mean over nodes, then over blocks.",
    ),
    Metric(
        name="expert_gap",
        title="Expert gap",
        category="disagreement",
        formula="E (φ(½ z(a) + ½ z(b)) − φ(z(own)))², on each task's images",
        unit="squared activation",
        range=POSITIVE,
        higher_is_better=False,
        needs_data="unlabeled",
        facts="gaps",
        function=mean_over_blocks("expert_gap"),
        blocks="expert_gap",
        summary="How far the averaged pair's activations are from those of the task's own model, on unlabeled images "
        "of either task: M-Loss and what M-Loss leaves out; mean over nodes, then over blocks.",
    ),
    Metric(
        name="expert_gap_normalised",
        title="Expert gap, normalised",
        category="disagreement",
        formula="|merged − own| / |merged|, of a layer's activations",
        unit="ratio",
        range=POSITIVE,
        higher_is_better=False,
        needs_data="unlabeled",
        facts="gaps",
        function=mean_over_blocks("expert_gap_normalised"),
        blocks="expert_gap_normalised",
        summary="The expert gap in its scale-free form, relative to the merged activation's length; mean over images, "
        "then over blocks.",
    ),
)
