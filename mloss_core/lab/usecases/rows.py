"""Accuracy rows as payloads: numbers as plain values, single answers as arrays for paired comparison."""

from typing import Any

import numpy as np

from mloss_core.evaluation import EvaluationRow


def plain(row: EvaluationRow) -> dict[str, Any]:
    """The row's numbers with its image counts."""
    return {**row.to_dict(), "counts": dict(row.counts)}


def answers(row: EvaluationRow) -> dict[str, np.ndarray]:
    """Whether each image was answered rightly, as `correct/MODEL/TASK`."""
    return {f"correct/{row.model}/{task}": np.asarray(right, dtype=bool) for task, right in row.correct.items()}
