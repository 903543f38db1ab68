"""Average accuracies that others published, each with its source, and what forbids comparing them across sources."""

import csv
import dataclasses
import functools
import json
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

from mloss_core.errors import unknown_name
from mloss_core.evaluation.published.tables import published_rows

_ROWS = Path(__file__).with_name("averages.csv")
_SOURCES = Path(__file__).with_name("sources.json")
_PAGE = "mloss"
_PAGE_METHODS = {
    "Simple Average": "average",
    "Task Arithmetic": "task_arithmetic",
    "DARE": "dare",
    "TIES": "ties",
    "M-TIES": "m_ties",
    "Ensemble (features)": "ensemble_features",
}
BASELINES = ("zero_shot", "individual", "ensemble", "ensemble_features")
"""Methods of the table that merge nothing."""
GIVEN_THE_TASK = ("tall_mask", "tsv_c", "emr", "individual")
"""Methods of the table that are told which task an image is of."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedSource:
    """Where numbers were published.

    Args:
        name: its key; title: in words; url: where it stands.
        checkpoints: which models were merged.
    """

    name: str
    title: str
    url: str
    checkpoints: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class PublishedResult:
    """One published average.

    Args:
        source: a name of `published_sources`; rows of two sources must not be ranked together.
        backbone: `ViT-B/32`, `ViT-B/16` or `ViT-L/14`.
        tasks: how many tasks it is the average of.
        method: our name of it, `METHODS` or not; title: the source's.
        average: top-1, a fraction.
        normalised: by the fine-tuned models of the same source, a fraction; None where it was not published.
        url: of the source.
    """

    source: str
    backbone: str
    tasks: int
    method: str
    title: str
    average: float
    normalised: float | None
    url: str

    @property
    def given_the_task(self) -> bool:
        """Whether the method is told which task an image is of: such rows are ranked apart from single models."""
        return self.method in GIVEN_THE_TASK


@functools.cache
def published_sources() -> Mapping[str, PublishedSource]:
    """All sources by name."""
    listed = json.loads(_SOURCES.read_text(encoding="utf-8"))["sources"]
    return MappingProxyType({name: PublishedSource(name=name, **fields) for name, fields in listed.items()})


def published_results(
    source: str | None = None, backbone: str | None = None, tasks: int | None = None, method: str | None = None
) -> tuple[PublishedResult, ...]:
    """Published averages, of one source, backbone, number of tasks or method, or all.

    Raises:
        UnknownNameError: no such source.
    """
    if source is not None and source not in published_sources():
        raise unknown_name("source of published results", source, tuple(published_sources()))
    asked = {"source": source, "backbone": backbone, "tasks": tasks, "method": method}
    wanted = {name: value for name, value in asked.items() if value is not None}
    return tuple(row for row in _all() if all(getattr(row, name) == value for name, value in wanted.items()))


def comparability_warnings(source: str) -> tuple[tuple[str, str], ...]:
    """What to bear in mind with a source's numbers, as (heading, sentences)."""
    listed = json.loads(_SOURCES.read_text(encoding="utf-8"))["warnings"]
    return tuple((one["heading"], one["text"]) for one in listed if source in one["sources"])


@functools.cache
def _all() -> tuple[PublishedResult, ...]:
    urls = {name: source.url for name, source in published_sources().items()}
    rows = [
        PublishedResult(
            source=_PAGE,
            backbone=row.backbone,
            tasks=len(row.accuracy),
            method=_PAGE_METHODS[row.method],
            title=f"{row.method} ({row.setting})",
            average=row.average,
            normalised=None,
            url=urls[_PAGE],
        )
        for row in published_rows(1)
    ]
    with _ROWS.open(encoding="utf-8", newline="") as file:
        rows += [_row(values, urls[values["source"]]) for values in csv.DictReader(file)]
    return tuple(rows)


def _row(values: Mapping[str, str], url: str) -> PublishedResult:
    return PublishedResult(
        source=values["source"],
        backbone=values["backbone"],
        tasks=int(values["tasks"]),
        method=values["method"],
        title=values["title"],
        average=round(float(values["average"]) / 100, 6),
        normalised=round(float(values["normalised"]) / 100, 6) if values["normalised"] else None,
        url=url,
    )
