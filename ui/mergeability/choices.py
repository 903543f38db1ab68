"""What the Mergeability page can show about pairs: the registry's metrics, with what only a screen needs."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mloss_core.mergeability.metrics.record import Metric
from mloss_core.mergeability.metrics.registry import CATEGORIES, METRICS
from mloss_core.mergeability.pair_names import BASELINES, QUALITY
from mloss_core.wording import lower_first
from ui import formats
from ui.mergeability.matrices import View, matrix

DEFAULT = "mloss"
_DIVERGING = ("cosine",)
_ENGINEERING = ("squared activation", "squared weight", "loss a weight", "squared loss a weight", "loss a pixel")


@dataclasses.dataclass(frozen=True)
class Choice:
    """What the page shows: a metric, of one block or of all, for some models, in an order, against a method's merges.

    `method` is None where no pair was merged.
    """

    metric: Metric
    block: int | None
    tasks: tuple[str, ...]
    order: str
    method: str | None = None


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Everything measured about the pairs of a zoo.

    Args:
        numbers: a row a pair: `task_a`, `task_b`, a column a metric, NaN where a metric does not exist.
        blocks: a row a pair and block: `task_a`, `task_b`, `block`, a column for each metric that exists by block.
        undefined: why a metric does not exist for a pair: dicts of metric, task_a, task_b and reason.
        facts: how merges were measured (split, counts, recipes); empty where none were.
    """

    numbers: pd.DataFrame
    blocks: pd.DataFrame
    undefined: tuple[Mapping[str, Any], ...] = ()
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def measured(self) -> tuple[str, ...]:
        """The methods by which pairs were merged and measured."""
        known = [str(name).removeprefix(QUALITY) for name in self.numbers.columns if str(name).startswith(QUALITY)]
        return tuple(name for name in known if name not in BASELINES)

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that were measured, in the registry's order."""
        return [metric for name, metric in METRICS.items() if name in self.numbers]

    def value(self, column: str, pair: Sequence[str]) -> float | None:
        """The number of one pair in either order; None where there is none."""
        if column not in self.numbers:
            return None
        here = [set(names) == set(pair) for names in self.numbers[["task_a", "task_b"]].to_numpy()]
        found = self.numbers.loc[here, column]
        return float(found.iloc[0]) if len(found) and pd.notna(found.iloc[0]) else None

    def reasons(self, metric: str) -> dict[frozenset[str], str]:
        """Why a metric does not exist, by pair."""
        return {
            frozenset((item["task_a"], item["task_b"])): item["reason"]
            for item in self.undefined
            if item["metric"] == metric
        }


def by_block(pairs: Pairs, metric: Metric) -> bool:
    """Whether the metric was measured for each block."""
    return metric.blocks is not None and metric.name in pairs.blocks


def pair_view(pairs: Pairs, tasks: Sequence[str], metric: Metric, block: int | None) -> View:
    """The matrix of a metric over the chosen tasks, of the whole model or of one block."""
    if block is None or not by_block(pairs, metric):
        values = matrix(pairs.numbers, tasks, metric.name)
    else:
        values = matrix(pairs.blocks[pairs.blocks["block"] == block], tasks, metric.name)
    return View(tuple(tasks), values, metric.higher_is_better)


def quality_view(pairs: Pairs, tasks: Sequence[str], method: str) -> View:
    """The matrix of measured quality: accuracy of the pair's merge relative to the individual models."""
    return View(tuple(tasks), matrix(pairs.numbers, tasks, f"{QUALITY}{method}"), True)


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
    """Over what the metric is taken, for titles; nothing for metrics of the whole model."""
    if metric.blocks is None:
        return ""
    return "all blocks" if block is None else f"block {block}"


def method_title(name: str) -> str:
    """A method's name for people, as it is where the lab does not know it."""
    from mloss_core.merging.methods import METHODS

    return METHODS[name].title if name in METHODS else name.replace("_", " ")


def option_text(name: str) -> str:
    """A metric in a list that is searched: its name, then its category."""
    metric = METRICS[name]
    return f"{metric.title} · {lower_first(CATEGORIES[metric.category])}"
