"""What the Mergeability page can show about pairs: the registry's metrics, with what only a screen needs."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mloss_core.mergeability.metrics import METRICS, Metric
from ui import formats
from ui.mergeability.matrices import View, matrix

DEFAULT = "mloss"
BY_BLOCK: Mapping[str, str] = {"mloss": "mloss", "mloss_normalised": "normalised"}
"""Column of the frame by block, for the metrics that exist for each block."""
_DIVERGING = ("cosine",)
_ENGINEERING = ("squared activation",)


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Everything measured about the pairs of a zoo.

    Args:
        numbers: a row a pair: `task_a`, `task_b`, a column a metric, NaN where a metric does not exist.
        blocks: a row a pair and block: `task_a`, `task_b`, `block`, `mloss`, `normalised`.
        undefined: why a metric does not exist for a pair: dicts of metric, task_a, task_b and reason.
    """

    numbers: pd.DataFrame
    blocks: pd.DataFrame
    undefined: tuple[Mapping[str, Any], ...] = ()

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that were measured, in the registry's order."""
        return [metric for name, metric in METRICS.items() if name in self.numbers]

    def reasons(self, metric: str) -> dict[frozenset[str], str]:
        """Why a metric does not exist, by pair."""
        return {
            frozenset((item["task_a"], item["task_b"])): item["reason"]
            for item in self.undefined
            if item["metric"] == metric
        }


def pair_view(pairs: Pairs, tasks: Sequence[str], metric: Metric, block: int | None) -> View:
    """The matrix of a metric over the chosen tasks, of the whole model or of one block."""
    if block is None or metric.name not in BY_BLOCK:
        values = matrix(pairs.numbers, tasks, metric.name)
    else:
        values = matrix(pairs.blocks[pairs.blocks["block"] == block], tasks, BY_BLOCK[metric.name])
    return View(tuple(tasks), values, metric.higher_is_better)


def diverging(metric: Metric) -> bool:
    """Whether zero is a real middle of the metric."""
    return metric.unit in _DIVERGING


def number_text(metric: Metric, value: float) -> str:
    """The number as the page writes it; a word when there is none."""
    if not np.isfinite(value):
        return "none"
    if metric.unit in _ENGINEERING:
        return formats.engineering(value)
    return (f"{value:.3g}" if abs(value) < 0.1 else f"{value:.3f}").replace("-", "−")


def direction(metric: Metric) -> str:
    """Which end should make merging easier, in one sentence."""
    if metric.higher_is_better is None:
        return "Neither end is claimed to merge better."
    return f"{'Higher' if metric.higher_is_better else 'Lower'} should merge better."


def where(metric: Metric, block: int | None) -> str:
    """Over what the metric is taken, for titles."""
    if metric.name not in BY_BLOCK:
        return "all weights"
    return "all blocks" if block is None else f"block {block}"
