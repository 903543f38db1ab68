"""The comparison as a table on the page: display units, remarks, and the words for kinds of rows."""

from collections.abc import Sequence

import pandas as pd

from mloss_core.evaluation.paired import difference
from mloss_core.evaluation.rows import EvaluationRow

ENSEMBLE = "ensemble"
KIND_WORDS = {
    "zero_shot": "Zero-shot",
    "merged": "Merged",
    "per_task": "Merged, one per task",
    "ensemble": "Ensemble",
    "individual": "Individual",
}


def table_frame(rows: Sequence[EvaluationRow], tasks: Sequence[str], baseline: EvaluationRow | None) -> pd.DataFrame:
    """The comparison in display units: percent, percentage points, percent squared; one row a model.

    What decides between models comes first, then the tasks, then what is looked up.
    """
    records = []
    for row in rows:
        gap = difference(row, baseline) if baseline is not None and baseline.key != row.key else None
        records.append(
            {
                "model": row.model + _remark(row),
                "average": _percent(row.average),
                "standard_error": _percent(row.standard_error),
                "difference": _percent(gap.value) if gap else None,
                "difference_error": _percent(gap.standard_error) if gap else None,
                "normalised": _percent(row.normalised),
                "worst": _percent(row.worst),
                "expert_agreement": _percent(row.expert_agreement),
                "expert_agreement_error": _percent(row.expert_agreement_error),
                "agreement": _percent(row.agreement),
                "kept": _percent(row.kept),
                **{task: _percent(row.accuracy.get(task)) for task in tasks},
                "variance": None if row.variance is None else 1e4 * row.variance,
                "kl": row.kl,
                "seconds": row.seconds,
            }
        )
    frame = pd.DataFrame(records)
    numbers = [column for column in frame.columns if column != "model"]
    return frame.astype(dict.fromkeys(numbers, float))


def _remark(row: EvaluationRow) -> str:
    if row.recorded:
        return " (recorded)"
    return "" if row.done or row.criteria else f" ({row.status})"


def _percent(fraction: float | None) -> float | None:
    return None if fraction is None else 100 * fraction
