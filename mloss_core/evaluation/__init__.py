"""Accuracy tables: merges beside Zero-shot, Ensemble and Individual, and the published figures."""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from mloss_core.evaluation.contenders import Contender, as_contender
    from mloss_core.evaluation.criteria.judging import Judge, criterion_scores
    from mloss_core.evaluation.criteria.records import CRITERIA
    from mloss_core.evaluation.judged import rank_unlabelled
    from mloss_core.evaluation.paired import PairedDifference, compare_rows
    from mloss_core.evaluation.published.averages import published_results
    from mloss_core.evaluation.rows import EvaluationRow
    from mloss_core.evaluation.tables import evaluate, evaluate_rows, evaluate_weights, paired_difference
    from mloss_core.evaluation.threshold_tuning import ThresholdSearch, tune_thresholds
    from mloss_core.evaluation.tuning import ScaleSearch, check_tunable, tune, tune_scale

__all__ = [
    "CRITERIA",
    "Contender",
    "EvaluationRow",
    "Judge",
    "PairedDifference",
    "ScaleSearch",
    "ThresholdSearch",
    "as_contender",
    "check_tunable",
    "compare_rows",
    "criterion_scores",
    "evaluate",
    "evaluate_rows",
    "evaluate_weights",
    "paired_difference",
    "published_results",
    "rank_unlabelled",
    "tune",
    "tune_scale",
    "tune_thresholds",
]

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "contenders": ("Contender", "as_contender"),
        "criteria.judging": ("Judge", "criterion_scores"),
        "criteria.records": ("CRITERIA",),
        "judged": ("rank_unlabelled",),
        "paired": ("PairedDifference", "compare_rows"),
        "published.averages": ("published_results",),
        "rows": ("EvaluationRow",),
        "tables": ("evaluate", "evaluate_rows", "evaluate_weights", "paired_difference"),
        "threshold_tuning": ("ThresholdSearch", "tune_thresholds"),
        "tuning": ("ScaleSearch", "check_tunable", "tune", "tune_scale"),
    },
)
