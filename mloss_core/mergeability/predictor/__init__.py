"""Predicting which pairs of models merge well, from a table of pairs: fits, cross-validation, baselines, and choosing.

A table has columns task_a and task_b, one a metric, and measured accuracies: `acc_M` and `normacc_M` of a method M,
`acc_a_M` and `acc_b_M` of its two tasks. Any table of that form will do.
"""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names

if TYPE_CHECKING:
    from mloss_core.mergeability.predictor.ablation import ablations
    from mloss_core.mergeability.predictor.adding import added_value
    from mloss_core.mergeability.predictor.baselines import BASELINES
    from mloss_core.mergeability.predictor.fitting import Prediction, Predictor, fit_predictor
    from mloss_core.mergeability.predictor.joining import join_tables
    from mloss_core.mergeability.predictor.metrics_alone import single_metrics
    from mloss_core.mergeability.predictor.problem import Problem, prepare
    from mloss_core.mergeability.predictor.protocols import PROTOCOLS
    from mloss_core.mergeability.predictor.reports import report
    from mloss_core.mergeability.predictor.results import CrossValidation
    from mloss_core.mergeability.predictor.sample_sizes import stability
    from mloss_core.mergeability.predictor.solvers import SOLVERS
    from mloss_core.mergeability.predictor.stored_fits import read_coefficients, replay
    from mloss_core.mergeability.predictor.tables import PairTable, check_table, parse_table, read_table
    from mloss_core.mergeability.predictor.targets import individual_accuracies, target_names
    from mloss_core.mergeability.predictor.validation import cross_validate, validate

_HOMES = {
    "ablation": ("ablations",),
    "adding": ("added_value",),
    "baselines": ("BASELINES",),
    "joining": ("join_tables",),
    "fitting": ("Prediction", "Predictor", "fit_predictor"),
    "problem": ("Problem", "prepare"),
    "protocols": ("PROTOCOLS",),
    "stored_fits": ("read_coefficients", "replay"),
    "reports": ("report",),
    "results": ("CrossValidation",),
    "metrics_alone": ("single_metrics",),
    "solvers": ("SOLVERS",),
    "sample_sizes": ("stability",),
    "tables": ("PairTable", "check_table", "parse_table", "read_table"),
    "targets": ("individual_accuracies", "target_names"),
    "validation": ("cross_validate", "validate"),
}
__all__ = [
    "BASELINES",
    "PROTOCOLS",
    "SOLVERS",
    "CrossValidation",
    "PairTable",
    "Prediction",
    "Predictor",
    "Problem",
    "ablations",
    "added_value",
    "check_table",
    "cross_validate",
    "fit_predictor",
    "individual_accuracies",
    "join_tables",
    "parse_table",
    "prepare",
    "read_coefficients",
    "read_table",
    "replay",
    "report",
    "single_metrics",
    "stability",
    "target_names",
    "validate",
]

__getattr__, __dir__ = lazy_names(__name__, _HOMES)
