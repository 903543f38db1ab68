"""The registry of pairwise metrics. A metric turns the facts of one pair into a number; facts are shared by metrics.

Imports no torch, so that a page can list metrics without it.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from mloss_core.errors import unknown_name

Facts = Mapping[str, np.ndarray]
"""What is known of one pair, by name: scalars, or one value a block."""


@dataclasses.dataclass(frozen=True)
class Undefined:
    """Why a metric has no value for a pair. It is shown as missing, never as a number."""

    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """A pairwise metric.

    Args:
        name: its key in `METRICS`, and its column.
        title: its name for people.
        category: what it looks at: `disagreement`, `geometry`, `signs`.
        summary: one sentence: what exactly is computed.
        unit: of the value.
        symmetric: whether (a, b) and (b, a) have the same value.
        higher_is_better: which direction should make merging easier, None where nothing is claimed. A claim of its
            authors, to be held against measured merges.
        needs_data: None (weights alone), `unlabeled` or `labeled` images.
        facts: the source of its facts, a key of `mloss_core.mergeability.pairs.SOURCES`.
        function: from facts to a number, or to why there is none.
    """

    name: str
    title: str
    category: str
    summary: str
    unit: str
    symmetric: bool
    higher_is_better: bool | None
    needs_data: str | None
    facts: str
    function: Callable[[Facts], float | Undefined]


def total_mloss(facts: Facts) -> float:
    """Mean over blocks of the layer's M-Loss, itself a mean over nodes: (block,) -> number."""
    return float(np.mean(facts["mloss"]))


def normalised_mloss(facts: Facts) -> float:
    """Mean over blocks of the scale-free layer form: (block,) -> number."""
    return float(np.mean(facts["normalised"]))


def task_vector_cosine(facts: Facts) -> float | Undefined:
    """<a, b> / (|a| |b|) of the flattened task vectors, in [-1, 1].

    Example:
        >>> task_vector_cosine({"dot": np.array(3.0), "square_a": np.array(9.0), "square_b": np.array(4.0)})
        0.5
    """
    norms = math.sqrt(facts["square_a"]) * math.sqrt(facts["square_b"])
    if norms == 0:
        return Undefined("a task vector is zero, so there is no angle")
    return float(np.clip(facts["dot"] / norms, -1.0, 1.0))


def task_vector_distance(facts: Facts) -> float:
    """|a - b|, the Euclidean distance of the flattened task vectors, which is that of the two models."""
    return math.sqrt(max(0.0, float(facts["square_a"] + facts["square_b"] - 2 * facts["dot"])))


def sign_conflict(facts: Facts) -> float | Undefined:
    """Among the weights that both models changed, the fraction that they moved in opposite directions, in [0, 1]."""
    if facts["both"] == 0:
        return Undefined("no weight was changed by both models")
    return float(facts["conflicts"] / facts["both"])


_ALL = (
    Metric(
        name="mloss",
        title="Pairwise M-Loss",
        category="disagreement",
        unit="squared activation",
        symmetric=True,
        higher_is_better=False,
        needs_data="unlabeled",
        facts="mloss",
        function=total_mloss,
        summary="M-Loss of the two models merged with equal weights, on calibration images of both tasks; mean over "
        "nodes, then over blocks.",
    ),
    Metric(
        name="mloss_normalised",
        title="Pairwise M-Loss, normalised",
        category="disagreement",
        unit="ratio",
        symmetric=True,
        higher_is_better=False,
        needs_data="unlabeled",
        facts="mloss",
        function=normalised_mloss,
        summary="The same in its scale-free form, the disagreement's length relative to the merged activation's; mean "
        "over images, then over blocks.",
    ),
    Metric(
        name="task_vector_cosine",
        title="Task-vector cosine",
        category="geometry",
        unit="cosine",
        symmetric=True,
        higher_is_better=True,
        needs_data=None,
        facts="geometry",
        function=task_vector_cosine,
        summary="Cosine of the angle between the two flattened task vectors: 1 the same direction, 0 unrelated.",
    ),
    Metric(
        name="task_vector_distance",
        title="Task-vector distance",
        category="geometry",
        unit="weight",
        symmetric=True,
        higher_is_better=False,
        needs_data=None,
        facts="geometry",
        function=task_vector_distance,
        summary="Euclidean distance between the two models' weights.",
    ),
    Metric(
        name="sign_conflict",
        title="Sign conflict",
        category="signs",
        unit="fraction",
        symmetric=True,
        higher_is_better=False,
        needs_data=None,
        facts="geometry",
        function=sign_conflict,
        summary="Among the weights whose entry is nonzero in both task vectors, the fraction with opposite signs; "
        "0.5 is what chance gives.",
    ),
)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in _ALL})
"""All metrics by name, in the order in which they are shown."""


def get_metric(name: str) -> Metric:
    """The metric of that name.

    Raises:
        UnknownNameError: no such metric.
    """
    if name not in METRICS:
        raise unknown_name("metric", name, tuple(METRICS))
    return METRICS[name]
