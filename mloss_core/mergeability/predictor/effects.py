"""What each task contributes to the accuracy of any pair that it is in: the additive part of a table."""

import numpy as np

from mloss_core.mergeability.predictor.protocols import PairRows


def seen_effects(rows: PairRows, values: np.ndarray) -> np.ndarray:
    """Effects e of tasks in values ~ e_a + e_b, by least squares; the smallest solution where there are many.

    Args:
        rows: which tasks each value pairs.
        values: (row,).

    Returns:
        float64 (task,); NaN for tasks that no row holds.
    """
    holds = np.zeros((len(values), len(rows.tasks)))
    places = np.arange(len(values))
    holds[places, rows.first] = 1.0
    holds[places, rows.second] = 1.0
    seen = holds.any(axis=0)
    effects = np.full(len(rows.tasks), np.nan)
    effects[seen] = np.linalg.lstsq(holds[:, seen], values, rcond=None)[0]
    return effects


def additive_prediction(rows: PairRows, train: np.ndarray, validate: np.ndarray, values: np.ndarray) -> np.ndarray:
    """e_a + e_b of validation rows, fitted on training rows; a task that was never seen counts as the mean one.

    Args:
        rows: of all pairs; train, validate: rows among them.
        values: of the training rows.
    """
    effects = seen_effects(rows.only(train), values)
    effects = np.where(np.isnan(effects), np.nanmean(effects), effects)
    return effects[rows.first[validate]] + effects[rows.second[validate]]
