"""From the recipes of the comparison to its rows: submit the jobs, read their payloads, tell what is missing."""

import dataclasses
import statistics
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mloss_core.errors import MLossCoreError
from mloss_core.evaluation.ranking import ordered
from mloss_core.evaluation.rows import BASELINE_NAMES, EvaluationRow
from mloss_core.lab.requests import baseline_request, recipe_request
from mloss_core.merging.methods import tidy
from mloss_core.recipe import Recipe
from ui import jobs
from ui.merge.entries import Entry, row_key, row_labels
from ui.zoo.facts import ZooFacts
from ui.zoo.needs import accuracy_needs

if TYPE_CHECKING:
    from mloss_core.lab.jobs.store import Job
    from mloss_core.lab.payloads import Payload

_RECORDED = {
    "zero_shot": "zero_shot",
    "ensemble": "ensemble_logits",
    "ensemble_features": "ensemble_features",
    "individual": "individual",
}
"""What a model card calls the baselines, by the key of their rows."""
NOTE = "Recorded: figures of the zoo's model card; they are measured here once you change or select something."

BASELINES = "baselines"
UNMEASURED = "not measured"
_ACTIVE = ("queued", "running")
_STATUS_WORDS = {"queued": "waiting", "running": "running", "failed": "failed", "cancelled": "cancelled"}


@dataclasses.dataclass(frozen=True)
class Problem:
    """A request without result: what it was, and one sentence why."""

    label: str
    sentence: str
    kind: str
    params: Mapping[str, Any]
    digest: str | None


@dataclasses.dataclass(frozen=True)
class Comparison:
    """What the page can show now.

    Args:
        rows: in the table's order; recipes without result have a status instead of numbers.
        active: jobs under way with their labels, in the order they were asked for.
        problems: requests that failed or were cancelled.
    """

    rows: tuple[EvaluationRow, ...]
    active: "tuple[tuple[Job, str], ...]"
    problems: tuple[Problem, ...]


def compare(
    zoo: ZooFacts, entries: Sequence[Entry], split: str, limit: int | None = None, *, content: bool = False
) -> Comparison:
    """Submit what is not yet known and gather what is.

    Merges without figures in the zoo's record are asked for first, and the baselines, which take longest, last:
    recorded rows stand in for them meanwhile.

    Args:
        limit: images of each task at most; all by default.
        content: with recorded figures, where there are some; what has none is asked for all the same.
    """
    labels = row_labels(entries)
    if accuracy_needs(zoo):
        rows = [_waiting_row(entry, labels[entry.key], UNMEASURED) for entry in entries]
        return Comparison(tuple(ordered(rows)), (), ())
    gathering = _Gathering()
    baselines = recorded_baselines(zoo.card, split)
    recorded = {e.key: recorded_merge(zoo.card, split, e, row_key(e.recipe), labels[e.key]) for e in entries}
    merges: list[tuple[Entry, EvaluationRow]] = []
    for entry in sorted(entries, key=lambda entry: recorded[entry.key] is not None):
        label = labels[entry.key]
        request = recipe_request(zoo.name, entry.recipe, split, limit, zoo.tasks)
        if content and recorded[entry.key] is not None:
            payload = jobs.known("recipe", request)
        else:
            payload = gathering.ask("recipe", request, label, entry.key)
        stand_in = recorded[entry.key] or _waiting_row(entry, label, gathering.status)
        merges.append((entry, stand_in if payload is None else recipe_row(payload, entry, label)))
    merges.sort(key=lambda pair: entries.index(pair[0]))
    request = baseline_request(zoo.name, split, limit)
    if content and baselines:
        payload = jobs.known(BASELINES, request)
    else:
        payload = gathering.ask(BASELINES, request, "Zero-shot, Individual and Ensemble", None)
    found = (baselines if payload is None else baseline_rows(payload)) + [row for _, row in merges]
    return Comparison(tuple(ordered(found)), tuple(gathering.active), tuple(gathering.problems))


def baseline_rows(payload: "Payload") -> list[EvaluationRow]:
    """Zero-shot, Individual and the Ensembles from the payload of a `baselines` job."""
    stored = zip(BASELINE_NAMES, payload.meta["rows"], strict=True)
    return [EvaluationRow.from_entry(values, payload.arrays, values.get("key", key)) for key, values in stored]


def recipe_row(payload: "Payload", entry: Entry, label: str) -> EvaluationRow:
    """A recipe's row from the payload of a `recipe` job."""
    meta = payload.meta
    nearness = meta.get("alignment") or {}
    return EvaluationRow.from_entry(
        meta["row"],
        payload.arrays,
        row_key(entry.recipe),
        model=label,
        recipe=entry.recipe.to_dict(),
        kept=meta.get("kept_fraction"),
        realised=meta.get("realised_keep") or {},
        seconds=meta.get("seconds"),
        agreement=nearness.get("agreement"),
        kl=nearness.get("kl"),
    )


def _waiting_row(entry: Entry, label: str, status: str) -> EvaluationRow:
    return EvaluationRow(
        key=row_key(entry.recipe),
        model=label,
        kind="merged",
        status=_STATUS_WORDS.get(status, status),
        recipe=entry.recipe.to_dict(),
    )


class _Gathering:
    """Asks for payloads one after the other and remembers what is under way and what went wrong."""

    def __init__(self) -> None:
        self.active: list[tuple[Job, str]] = []
        self.problems: list[Problem] = []
        self.status = "queued"

    def ask(self, kind: str, params: dict[str, Any], label: str, digest: str | None) -> "Payload | None":
        """The payload of a request, or None; `status` then says why."""
        try:
            job = jobs.submit(kind, params)
        except MLossCoreError as error:
            self.status = "failed"
            self.problems.append(Problem(label, str(error), kind, params, digest))
            return None
        self.status = job.status
        payload = jobs.payload_of(job)
        if payload is None and job.status in _ACTIVE:
            self.active.append((job, label))
        elif payload is None:
            sentence = job.error or ("cancelled." if job.status == "cancelled" else "its result is gone.")
            self.problems.append(Problem(label, sentence, kind, params, digest))
        return payload


def recorded_baselines(card: Mapping[str, Any], split: str) -> list[EvaluationRow]:
    """Zero-shot, the Ensembles and Individual as the card has them; empty when it has none for this split."""
    rows = (
        _recorded_row(card, split, name, key, key.removesuffix("_features"), BASELINE_NAMES[key])
        for key, name in _RECORDED.items()
    )
    return [row for row in rows if row is not None]


def recorded_merge(card: Mapping[str, Any], split: str, entry: Entry, key: str, label: str) -> EvaluationRow | None:
    """The card's figures of a recipe that it recorded, or None."""
    for name, recipe in _chosen(card).items():
        if recipe.digest == entry.key:
            row = _recorded_row(card, split, name, key, "merged", label)
            return None if row is None else dataclasses.replace(row, recipe=entry.recipe.to_dict())
    return None


def starting_entries(card: Mapping[str, Any]) -> tuple[Entry, ...]:
    """What a first visit compares: the plainest merge, the card's tuned TIES, and the paper's M-TIES at its scale.

    The scale matters: where a zoo's best one is far from 1, M-TIES at 1 would be compared with nothing of its kind.
    """
    ties = _chosen(card).get("ties", Recipe(method="ties"))
    scale = {"scale": ties.options["scale"]} if "scale" in ties.options else {}
    m_ties = Recipe(method="m_ties", options={"keep_rate": 0.8, "span": 0.1, **scale})
    return tuple(Entry(tidy(recipe)) for recipe in (Recipe(method="average"), ties, m_ties))


def _chosen(card: Mapping[str, Any]) -> dict[str, Recipe]:
    """The recipes of the card; those that this version cannot read are left out."""
    found = {}
    for name, values in card.get("chosen", {}).items():
        try:
            found[name] = tidy(Recipe.from_dict(values))
        except MLossCoreError:
            continue
    return found


def _recorded_row(
    card: Mapping[str, Any], split: str, name: str, key: str, kind: str, label: str
) -> EvaluationRow | None:
    accuracy = card.get("accuracy", {}).get(split, {}).get(name)
    summary = card.get("average", {}).get(split, {}).get(name)
    if not accuracy or not summary:
        return None
    return EvaluationRow(
        key=key,
        model=label,
        kind=kind,
        accuracy=accuracy,
        average=summary["average"],
        standard_error=summary["standard_error"],
        normalised=summary["normalised"],
        variance=statistics.pvariance(accuracy.values()),
        worst=min(accuracy.values()),
        counts=card.get("counts", {}).get(split, {}),
        recorded=True,
    )
