"""The registry of pairwise metrics. A metric turns the facts of one pair into a number; facts are shared by metrics.

Imports no torch, so that a page can list metrics without it.
"""

from collections.abc import Mapping
from types import MappingProxyType

from mloss_core.errors import unknown_name
from mloss_core.mergeability.metrics.activations import ACTIVATION, SIMILARITY
from mloss_core.mergeability.metrics.disagreement import DISAGREEMENT
from mloss_core.mergeability.metrics.gradients import GRADIENT
from mloss_core.mergeability.metrics.outcomes import OUTCOME
from mloss_core.mergeability.metrics.record import Metric
from mloss_core.mergeability.metrics.subspaces import INTERFERENCE, SUBSPACE
from mloss_core.mergeability.metrics.task_vectors import EFFECTIVE_RANK, SIGNS, TASK_VECTOR

CATEGORIES: Mapping[str, str] = MappingProxyType(
    {
        "disagreement": "Disagreement (M-Loss)",
        "task_vector": "Geometry of task vectors",
        "effective_rank": "Effective rank",
        "subspace": "Singular subspaces",
        "activation": "Activations",
        "gradient": "Gradients",
        "outcome": "Start and outcome",
    }
)
"""What metrics look at, by name: five categories of the published 28, and the lab's own two."""
_OURS = (*DISAGREEMENT, *SIGNS, *INTERFERENCE, *SIMILARITY, *OUTCOME)
_PUBLISHED = (*TASK_VECTOR, *EFFECTIVE_RANK, *SUBSPACE, *ACTIVATION, *GRADIENT)

METRICS: Mapping[str, Metric] = MappingProxyType({metric.name: metric for metric in (*_PUBLISHED, *_OURS)})
"""All metrics by name: the published 28 in the order of their authors' tables, then the lab's own."""
ALIASES: Mapping[str, str] = MappingProxyType(
    {"task_vector_cosine": "task_vector_cosine_similarity", "task_vector_distance": "task_vector_l2_distance"}
)
"""Short names that are also understood."""
PUBLISHED = tuple(metric.name for metric in _PUBLISHED)
"""Names of the 28."""
_DEPENDENT = ("effective_rank_mergeability_score", "layerwise_effective_rank_mergeability_score", "spectral_gap")
_ANGLES = tuple(
    f"{kind}_gradient_{what}" for kind in ("encoder", "input") for what in ("cosine_similarity", "dot_product")
)
METRIC_SETS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "all28": PUBLISHED,
        "dedup25": tuple(name for name in PUBLISHED if name not in _DEPENDENT),
        "data_free18": tuple(name for name in PUBLISHED if METRICS[name].needs_data is None),
        "clean24": tuple(name for name in PUBLISHED if name not in _ANGLES),
        "ours": tuple(metric.name for metric in _OURS),
        "all": tuple(METRICS),
    }
)
"""Choices of metrics that have a name: without exact functions of others, of weights alone, without the gradients'
cosines and inner products (noise in the published table, whose heads were random)."""


def get_metric(name: str) -> Metric:
    """The metric of that name or short name.

    Raises:
        UnknownNameError: no such metric.
    """
    known = ALIASES.get(name, name)
    if known not in METRICS:
        raise unknown_name("metric", name, (*METRICS, *ALIASES))
    return METRICS[known]
