"""What the columns of a table of pairs mean: tasks, metrics, measured accuracies; and the named sets of metrics."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from mloss_core.mergeability.metrics import METRICS

PAIR = ("task_a", "task_b")
"""The columns that name a pair."""
REFERENCE_METHODS = ("weight_avg", "arithmetic", "tsv", "ties", "dare")
"""The methods that the reference compares, on the pairs where all of them were measured."""
CATEGORIES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "task_vector": (
            "task_vector_cosine_similarity",
            "task_vector_l2_distance",
            "task_vector_dot_product",
            "weight_space_angle",
            "task_vector_magnitude_ratio",
        ),
        "effective_rank": (
            "effective_rank",
            "effective_rank_mergeability_score",
            "stable_rank",
            "spectral_gap",
            "singular_value_ratio",
            "layerwise_effective_rank",
            "layerwise_effective_rank_mergeability_score",
        ),
        "subspace": (
            "singular_value_overlap",
            "subspace_overlap",
            "right_subspace_overlap_top_k",
            "right_subspace_overlap_bottom_k",
            "interaction_matrix_overlap_top_k",
            "interaction_matrix_overlap_bottom_k",
        ),
        "activation": (
            "activation_l2_distance",
            "activation_cosine_similarity",
            "activation_magnitude_ratio",
            "activation_dot_product",
        ),
        "gradient": (
            "encoder_gradient_cosine_similarity",
            "encoder_gradient_l2_distance",
            "encoder_gradient_dot_product",
            "input_gradient_cosine_similarity",
            "input_gradient_l2_distance",
            "input_gradient_dot_product",
        ),
    }
)
"""The 28 metrics of Zhou, Zhao, Yu and Rodolà by category, in the order of their tables."""
REFERENCE_METRICS: tuple[str, ...] = tuple(name for names in CATEGORIES.values() for name in names)
_COPIES = ("effective_rank_mergeability_score", "layerwise_effective_rank_mergeability_score", "singular_value_ratio")
_NOISE = re.compile(r"gradient_(cosine_similarity|dot_product)$")
METRIC_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "all28": REFERENCE_METRICS,
        "dedup25": tuple(name for name in REFERENCE_METRICS if name not in _COPIES),
        "data_free18": tuple(
            name for part in ("task_vector", "effective_rank", "subspace") for name in CATEGORIES[part]
        ),
        "clean24": tuple(name for name in REFERENCE_METRICS if not _NOISE.search(name)),
    }
)
"""Sets of metrics by name: all; without three exact linear copies; those of weights alone; without the cosines and dot
products of gradients, which are noise in the reference's tables because its gradients use random heads."""
MLOSS_COLUMNS = ("mloss", "mloss_normalised", "pairwise_mloss")
"""Names of M-Loss as a column of a table; the first that is there is the baseline of M-Loss alone."""

_MEASURED = re.compile(r"(acc|accuracy|normacc|worst|residual|individual)(_.*)?")
_LABEL = re.compile(r"(unnamed: ?\d+|index|id|row|pair|fold|seed|n|count)?", re.IGNORECASE)


def is_known_metric(name: str) -> bool:
    """Whether a column has the name of a registered or reference metric."""
    return name in METRICS or name in REFERENCE_METRICS


def is_measured(name: str) -> bool:
    """Whether a column holds what was measured after merging, which no prediction may use: `acc_ties`."""
    return not is_known_metric(name) and _MEASURED.fullmatch(name) is not None


def is_label(name: str) -> bool:
    """Whether a column merely numbers or names its rows."""
    return name in PAIR or _LABEL.fullmatch(name) is not None


def category(metric: str) -> str:
    """What a metric looks at: its registered category, else the reference's, else `other`."""
    if metric in METRICS:
        return METRICS[metric].category
    return next((name for name, members in CATEGORIES.items() if metric in members), "other")


def title(metric: str) -> str:
    """A metric's name for people."""
    return METRICS[metric].title if metric in METRICS else metric.replace("_", " ").capitalize()


def by_category(metrics: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Metrics by category, both in their order."""
    groups: dict[str, list[str]] = {}
    for name in metrics:
        groups.setdefault(category(name), []).append(name)
    return {name: tuple(members) for name, members in groups.items()}
