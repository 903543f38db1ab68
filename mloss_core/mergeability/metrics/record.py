"""What a pairwise metric is. Imports no torch, so that a page can list metrics without it."""

import dataclasses
import math
from collections.abc import Callable, Mapping

import numpy as np

Facts = Mapping[str, np.ndarray]
"""What is known of one pair, by name: scalars, or one value a block, matrix or tensor."""


@dataclasses.dataclass(frozen=True)
class Undefined:
    """Why a metric has no value for a pair. It is shown as missing, never as a number."""

    reason: str


Value = float | Undefined
UNBOUNDED = (-math.inf, math.inf)
POSITIVE = (0.0, math.inf)
FRACTION = (0.0, 1.0)
SIGNED = (-1.0, 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Metric:
    """A pairwise metric.

    Args:
        name: its key in `METRICS`, and its column.
        title: its name for people.
        category: what it looks at, a key of `CATEGORIES`.
        formula: what is computed, as a line of mathematics.
        summary: one sentence: what exactly is computed.
        unit: of the value.
        range: smallest and largest value that it can take.
        symmetric: whether (a, b) and (b, a) have the same value.
        higher_is_better: which direction should make merging easier, None where nothing is claimed. A claim of its
            authors, to be held against measured merges.
        needs_data: None (weights alone), `unlabeled` or `labeled` images.
        facts: the source of its facts, a key of `mloss_core.mergeability.sources.table.SOURCES`.
        function: from facts to a number, or to why there is none.
        published: one of the 28 of Zhou et al., "Demystifying mergeability".
        blocks: name of the fact that holds it by block, for metrics that exist for each block.
    """

    name: str
    title: str
    category: str
    formula: str
    summary: str
    unit: str
    range: tuple[float, float]
    higher_is_better: bool | None
    facts: str
    function: Callable[[Facts], Value]
    symmetric: bool = True
    needs_data: str | None = None
    published: bool = False
    blocks: str | None = None


def ratio(smaller_of: float, and_of: float) -> float:
    """min/max of two lengths, 0 where just one of them is zero."""
    low, high = sorted((smaller_of, and_of))
    return low / high


def cosine(facts: Facts, prefix: str = "", what: str = "a vector") -> Value:
    """<a, b> / (|a| |b|) of the facts `dot`, `square_a` and `square_b`, in [-1, 1].

    Example:
        >>> cosine({"dot": np.array(3.0), "square_a": np.array(9.0), "square_b": np.array(4.0)})
        0.5
    """
    lengths = length(facts, "a", prefix) * length(facts, "b", prefix)
    if lengths == 0:
        return Undefined(f"{what} is zero, so there is no angle")
    return float(np.clip(facts[f"{prefix}dot"] / lengths, -1.0, 1.0))


def distance(facts: Facts, prefix: str = "") -> float:
    """|a - b| of the same facts."""
    squares = facts[f"{prefix}square_a"] + facts[f"{prefix}square_b"]
    return math.sqrt(max(0.0, float(squares - 2 * facts[f"{prefix}dot"])))


def length(facts: Facts, which: str, prefix: str = "") -> float:
    """|a| or |b| of the same facts."""
    return math.sqrt(float(facts[f"{prefix}square_{which}"]))
