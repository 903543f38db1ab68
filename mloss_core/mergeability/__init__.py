"""How well two fine-tuned encoders go together: a registry of pairwise metrics, M-Loss of pairs among them."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mloss_core.mergeability.metrics import METRICS, Metric, Undefined, get_metric
    from mloss_core.mergeability.pairs import all_pairs, pairwise_metrics, pairwise_mloss

__all__ = [
    "METRICS", "Metric", "Undefined", "all_pairs", "get_metric", "pairwise_metrics", "pairwise_mloss",
]  # fmt: skip

_HOMES = {
    "metrics": ("METRICS", "Metric", "Undefined", "get_metric"),
    "pairs": ("all_pairs", "pairwise_metrics", "pairwise_mloss"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
