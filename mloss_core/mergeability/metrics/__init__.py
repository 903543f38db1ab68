"""The pairwise metrics: what each is, a file a category. Nothing here computes facts; `sources` does."""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from mloss_core.mergeability.metrics.record import Facts, Metric, Undefined
    from mloss_core.mergeability.metrics.registry import (
        ALIASES,
        CATEGORIES,
        METRIC_SETS,
        METRICS,
        PUBLISHED,
        get_metric,
    )

__all__ = ["ALIASES", "CATEGORIES", "METRICS", "METRIC_SETS", "PUBLISHED", "Facts", "Metric", "Undefined", "get_metric"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "record": ("Facts", "Metric", "Undefined"),
        "registry": ("ALIASES", "CATEGORIES", "METRICS", "METRIC_SETS", "PUBLISHED", "get_metric"),
    },
)
