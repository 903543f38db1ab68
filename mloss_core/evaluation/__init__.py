"""Accuracy tables: merges beside Zero-shot, Ensemble and Individual, and the published figures."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mloss_core.evaluation.contenders import Contender, as_contender
    from mloss_core.evaluation.paired import PairedDifference, compare_rows, paired_difference
    from mloss_core.evaluation.published_averages import published_results
    from mloss_core.evaluation.rows import EvaluationRow
    from mloss_core.evaluation.tables import evaluate, evaluate_rows, evaluate_weights
    from mloss_core.evaluation.threshold_tuning import ThresholdSearch, tune_thresholds
    from mloss_core.evaluation.tuning import ScaleSearch, check_tunable, tune, tune_scale

__all__ = [
    "Contender", "EvaluationRow", "PairedDifference", "ScaleSearch", "ThresholdSearch", "as_contender", "check_tunable",
    "compare_rows", "evaluate", "evaluate_rows", "evaluate_weights", "paired_difference", "published_results", "tune",
    "tune_scale", "tune_thresholds",
]  # fmt: skip

_HOMES = {
    "contenders": ("Contender", "as_contender"),
    "paired": ("PairedDifference", "compare_rows", "paired_difference"),
    "published_averages": ("published_results",),
    "rows": ("EvaluationRow",),
    "tables": ("evaluate", "evaluate_rows", "evaluate_weights"),
    "threshold_tuning": ("ThresholdSearch", "tune_thresholds"),
    "tuning": ("ScaleSearch", "check_tunable", "tune", "tune_scale"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
