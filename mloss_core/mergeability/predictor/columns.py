"""What the columns of a table of pairs mean: tasks, metrics, measured accuracies, labels."""

import re
from collections.abc import Sequence

from mloss_core.mergeability.metrics import ALIASES, CATEGORIES, METRICS

PAIR = ("task_a", "task_b")
"""The columns that name a pair."""
REFERENCE_METHODS = ("weight_avg", "arithmetic", "tsv", "ties", "dare")
"""The methods that the reference compares, on the pairs where all of them were measured."""
MLOSS_COLUMNS = ("mloss", "mloss_normalised")
"""Columns of M-Loss; the first that is there is the baseline of M-Loss alone."""
AFTER_MERGING = ("merged_agreement",)
"""Metrics of the pair as it was really merged. No prediction uses them unless told to; they are what it could reach."""

_MEASURED = re.compile(r"(acc|accuracy|normacc|worst|residual|individual)(_.*)?")
_LABEL = re.compile(r"(unnamed: ?\d+|index|id|row|pair|fold|seed|n|count)?", re.IGNORECASE)


def is_known_metric(name: str) -> bool:
    """Whether a column has the name of a metric."""
    return name in METRICS


def is_measured(name: str) -> bool:
    """Whether a column holds what was measured after merging, which no prediction may use: `acc_ties`."""
    return not is_known_metric(name) and _MEASURED.fullmatch(name) is not None


def is_label(name: str) -> bool:
    """Whether a column merely numbers or names its rows."""
    return name in PAIR or _LABEL.fullmatch(name) is not None


def column_of(name: str, columns: Sequence[str]) -> str:
    """The column that a name means: itself, or the metric of a short name."""
    return ALIASES.get(name, name) if name not in columns else name


def category(metric: str) -> str:
    """What a metric looks at, a key of `CATEGORIES`; `other` for columns that are no known metric."""
    return METRICS[metric].category if metric in METRICS else "other"


def category_title(name: str) -> str:
    """A category's name for people."""
    return CATEGORIES.get(name, "Other metrics")


def title(metric: str) -> str:
    """A metric's name for people; a column of another name as it is."""
    return METRICS[metric].title if metric in METRICS else metric


def by_category(metrics: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Metrics by category, both in their order."""
    groups: dict[str, list[str]] = {}
    for name in metrics:
        groups.setdefault(category(name), []).append(name)
    return {name: tuple(members) for name, members in groups.items()}
