"""How well two fine-tuned encoders go together: a registry of pairwise metrics, M-Loss of pairs among them."""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from mloss_core.mergeability.metrics import METRICS, Metric, Undefined, get_metric
    from mloss_core.mergeability.pairs import all_pairs, pairwise_metrics, pairwise_mloss

__all__ = ["METRICS", "Metric", "Undefined", "all_pairs", "get_metric", "pairwise_metrics", "pairwise_mloss"]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "metrics": ("METRICS", "Metric", "Undefined", "get_metric"),
        "pairs": ("all_pairs", "pairwise_metrics", "pairwise_mloss"),
    },
)
