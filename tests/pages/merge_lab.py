"""A lab that answers at once with made-up results, put in place of `ui.jobs` for tests of pages."""

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np

from mloss_core.caching import digest_of
from mloss_core.errors import ZooError
from mloss_core.evaluation.rows import BASELINE_NAMES
from mloss_core.recipe import Recipe
from tests.ui.fake_payloads import report_of
from ui.zoo.facts import ZooFacts

TASKS = ("digits", "letters", "shapes", "signs")
LAYERS, NODES, IMAGES = 12, 16, 200


def zoo(tasks: tuple[str, ...] = TASKS, card: Mapping[str, Any] = MappingProxyType({})) -> ZooFacts:
    """Facts of a small zoo."""
    return ZooFacts(
        name="demo", digest="d" * 64, tasks=tasks, layers=LAYERS, nodes=NODES, width=8, parameters=1000, card=card
    )


@dataclasses.dataclass(frozen=True)
class FakeJob:
    """A job as far as pages look at it."""

    key: str
    kind: str
    params: Mapping[str, Any]
    status: str = "done"
    fraction: float = 0.4
    message: str = "evaluating"
    error: str | None = None
    queue_position: int | None = 1
    seconds_left: float | None = 3.0


class FakeLab:
    """Stands in for the functions of `ui.jobs`.

    Args:
        status: by kind or by method name: another status than done for those jobs.
        error: sentence of failed jobs.
        refuse: sentence with which every submission is refused.
    """

    def __init__(self, status: Mapping[str, str] | None = None, error: str = "", refuse: str = "") -> None:
        self.status, self.error, self.refuse = dict(status or {}), error, refuse
        self.submitted: list[tuple[str, dict[str, Any]]] = []
        self.forgotten: list[tuple[str, dict[str, Any]]] = []
        self.watched: list[str] = []
        self.tasks, self.card, self.unlabelled = TASKS, {}, False
        self.file = ""
        self.agreement: float | None = 0.9

    def install(self, monkeypatch: Any) -> "FakeLab":
        """Replace `ui.jobs` and the zoo for one test."""
        for name in ("submit", "payload_of", "job_payload", "job_result", "watch", "forget", "known"):
            monkeypatch.setattr(f"ui.jobs.{name}", getattr(self, name))
        monkeypatch.setattr("ui.mergeability.data._shipped", lambda zoo: None)
        monkeypatch.setattr("ui.frame.zoo_facts", lambda name: self._zoo())
        return self

    def _zoo(self) -> ZooFacts:
        found = zoo(self.tasks, self.card)
        if not self.unlabelled:
            return found
        images = {"train": 100, "val": 0, "test": 0}
        models = [{"name": name, "images": images, "classes": 0, "head": [4, 8]} for name in self.tasks]
        return dataclasses.replace(found, card={}, about={"models": [{"name": "pretrained"}, *models]})

    def submit(self, kind: str, params: Mapping[str, Any], on: str | None = None) -> FakeJob:
        if self.refuse:
            raise ZooError(self.refuse)
        self.submitted.append((kind, dict(params)))
        method = (params.get("recipe") or {}).get("method", "")
        status = self.status.get(method) or self.status.get(kind, "done")
        return FakeJob(digest_of(kind, dict(params)), kind, params, status, error=self.error or None)

    def payload_of(self, job: FakeJob) -> Any:
        return None if job.status != "done" else getattr(self, f"_{job.kind}")(dict(job.params))

    def job_payload(self, kind: str, params: Mapping[str, Any], *, label: str, **rest: Any) -> Any:
        return self.payload_of(self.submit(kind, params))

    def job_result(self, name: str, kind: str, params: Mapping[str, Any], *, label: str, **rest: Any) -> Any:
        return SimpleNamespace(payload=self.payload_of(self.submit(kind, params)), params=params, stale=False)

    def known(self, kind: str, params: Mapping[str, Any]) -> Any:
        asked = any(other == kind and digest_of(given) == digest_of(dict(params)) for other, given in self.submitted)
        return self.payload_of(FakeJob("", kind, params)) if asked else None

    def watch(self, jobs: list[FakeJob], labels: list[str]) -> None:
        self.watched = list(labels)

    def forget(self, kind: str, params: Mapping[str, Any], on: str | None = None) -> None:
        self.forgotten.append((kind, dict(params)))

    def kinds(self, kind: str) -> list[dict[str, Any]]:
        """The requests of one kind, each once, in order."""
        return list({digest_of(params): params for name, params in self.submitted if name == kind}.values())

    def _measure(self, params: dict[str, Any]) -> Any:
        values = np.outer(np.arange(1, LAYERS + 1) * 1e-6, np.linspace(0.1, 1, NODES))
        meta, arrays = report_of(values, np.full((LAYERS, NODES), 1e-8)).to_entry()
        return SimpleNamespace(meta=meta, arrays=arrays)

    def _baselines(self, params: dict[str, Any]) -> Any:
        levels = {
            "zero_shot": ("zero_shot", 0.45),
            "ensemble_features": ("ensemble", 0.64),
            "ensemble": ("ensemble", 0.66),
            "individual": ("individual", 0.9),
        }
        rows, arrays = [], {}
        for key, (kind, level) in levels.items():
            row, correct = self._row(BASELINE_NAMES[key], kind, level)
            rows.append(row)
            arrays |= correct
        return SimpleNamespace(meta={"rows": rows}, arrays=arrays)

    def _recipe(self, params: dict[str, Any]) -> Any:
        recipe = Recipe.from_dict(params["recipe"])
        level = {"average": 0.58, "ties": 0.62}.get(recipe.method, 0.64) + int(recipe.digest[:2], 16) / 25600
        row, arrays = self._row("merge", "merged", level)
        meta = {
            "row": row,
            "kept_fraction": 0.7,
            "seconds": 1.5,
            "digest": recipe.digest,
            "realised_keep": {f"transformer.resblocks.{i}.mlp.c_fc.weight": 0.75 for i in range(LAYERS)},
            "alignment": {"agreement": 0.7, "kl": 0.4, "images": 128},
        }
        return SimpleNamespace(meta=meta, arrays=arrays)

    def _tune(self, params: dict[str, Any]) -> Any:
        curve = [
            {"scale": scale, "average": average, "normalised": average + 0.1, "standard_error": 0.01}
            for scale, average in ((0.2, 0.5), (0.3, 0.595), (0.4, 0.6), (0.6, 0.4))
        ]
        name, split = params.get("choose_by", "validation"), params.get("source", "val")
        if name != "validation":
            curve = [{"scale": point["scale"], "value": point["average"], "value_error": 0.02} for point in curve]
        meta = {
            "recipe": params["recipe"],
            "scale": 0.4,
            "metric": "normalised" if name == "validation" else name,
            "choose_by": name,
            "labels": name == "validation",
            "split": split,
            "curve": curve,
            "counts": {"digits": 100, "letters": 200},
            "at_the_end": False,
            "seconds": 2.0,
        }
        return SimpleNamespace(meta=meta, arrays={})

    def _merged_file(self, params: dict[str, Any]) -> Any:
        return SimpleNamespace(meta={"path": self.file, "digest": "e" * 64, "bytes": 2_100_000}, arrays={})

    def _pairs(self, params: dict[str, Any]) -> Any:
        tasks = params.get("tasks") or self.tasks
        names = [(a, b) for place, a in enumerate(tasks) for b in tasks[place + 1 :]]
        pairs, blocks = [], []
        for place, (a, b) in enumerate(names):
            values = [1e-6 * (place + 1) * (block + 1) for block in range(LAYERS)]
            pairs.append(
                {
                    "task_a": a,
                    "task_b": b,
                    "mloss": float(np.mean(values)),
                    "mloss_normalised": 0.01 * (place + 1),
                    "task_vector_cosine_similarity": 0.3 - 0.05 * place,
                    "task_vector_l2_distance": 2.0 + place,
                    "sign_conflict": None if place == 0 else 0.4 + 0.01 * place,
                    **({"merged_agreement": self.agreement} if "merged_agreement" in (params["metrics"] or ()) else {}),
                }
            )
            blocks += [
                {"task_a": a, "task_b": b, "block": block, "mloss": value, "mloss_normalised": 0.01 * (place + 1)}
                for block, value in enumerate(values)
            ]
        asked = params.get("metrics")
        pairs = [
            {k: v for k, v in row.items() if asked is None or k.startswith("task_") or k in asked} for row in pairs
        ]
        reason = "no weight was changed by both models"
        undefined = [{"metric": "sign_conflict", "task_a": names[0][0], "task_b": names[0][1], "reason": reason}]
        if asked == ["merged_agreement"]:
            undefined = [
                undefined[0] | {"metric": "merged_agreement", "reason": f"{names[0][0]} has no training images"}
            ]
        return SimpleNamespace(meta={"pairs": pairs, "blocks": blocks, "undefined": undefined}, arrays={})

    def _pair_merges(self, params: dict[str, Any]) -> Any:
        names = [(a, b) for place, a in enumerate(self.tasks) for b in self.tasks[place + 1 :]]
        rows = []
        for place, pair in enumerate(params.get("pairs") or names):
            quality = {f"normacc_{name}": 0.97 - 0.02 * place for name in params["methods"]}
            rows.append({"task_a": pair[0], "task_b": pair[1], **quality})
        return SimpleNamespace(meta={"pairs": rows, "split": params["split"]}, arrays={})

    def _row(self, model: str, kind: str, level: float) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        shares = {task: min(0.99, level + 0.06 * (place - 1.5)) for place, task in enumerate(self.tasks)}
        correct = {f"correct/{model}/{task}": np.arange(IMAGES) < share * IMAGES for task, share in shares.items()}
        tasks = {task: float(correct[f"correct/{model}/{task}"].mean()) for task in self.tasks}
        values = list(tasks.values())
        row = {
            "model": model,
            "kind": kind,
            "recipe": None,
            "tasks": tasks,
            "average": float(np.mean(values)),
            "standard_error": 0.006,
            "normalised": level / 0.9,
            "variance": float(np.var(values)),
            "worst": min(values),
            "counts": dict.fromkeys(self.tasks, IMAGES),
            "criteria": {"expert_agreement": self._score(level)},
        }
        if self.unlabelled:
            nothing = dict.fromkeys(("average", "standard_error", "normalised", "variance", "worst"))
            row |= {"tasks": {}, "counts": {}, **nothing}
            return row, {}
        return row, correct

    def _score(self, level: float) -> dict[str, Any]:
        images = dict.fromkeys(self.tasks, 64)
        return {
            "criterion": "expert_agreement",
            "value": level,
            "standard_error": 0.02,
            "tasks": dict.fromkeys(self.tasks, level),
            "images": images,
            "split": "train",
        }
