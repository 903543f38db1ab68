"""How well two fine-tuned encoders go together: pairwise metrics, M-Loss of pairs among them, and predictors."""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from mloss_core.mergeability.metrics.record import Metric, Undefined
    from mloss_core.mergeability.metrics.registry import METRICS, get_metric
    from mloss_core.mergeability.pairs import all_pairs, pairwise_metrics, pairwise_mloss
    from mloss_core.mergeability.predictor.fitting import fit_predictor
    from mloss_core.mergeability.predictor.validation import cross_validate

__all__ = [
    "METRICS",
    "Metric",
    "Undefined",
    "all_pairs",
    "cross_validate",
    "fit_predictor",
    "get_metric",
    "pairwise_metrics",
    "pairwise_mloss",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "metrics.record": ("Metric", "Undefined"),
        "metrics.registry": ("METRICS", "get_metric"),
        "pairs": ("all_pairs", "pairwise_metrics", "pairwise_mloss"),
        "predictor.fitting": ("fit_predictor",),
        "predictor.validation": ("cross_validate",),
    },
)
