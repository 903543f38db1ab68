"""A stand-in for the job store: answers at once, or stays at the state a test asks for."""

import dataclasses
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mloss_core.caching import digest_of


@dataclasses.dataclass(frozen=True)
class FakePayload:
    """Meta and arrays, as a real payload has them."""

    meta: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


@dataclasses.dataclass(frozen=True)
class FakeJob:
    """The fields of a job that the interface reads."""

    key: str
    kind: str
    params: Mapping[str, Any]
    device: str = "cpu"
    status: str = "queued"
    fraction: float = 0.0
    message: str = ""
    created: float = 0.0
    started: float | None = None
    error: str | None = None
    error_kind: str | None = None
    queue_position: int | None = None
    seconds_left: float | None = None


class FakeStore:
    """Jobs by key.

    Args:
        answers: function of the params for each kind; it may raise to make the job fail with that sentence.
        states: status that jobs of a kind stay in instead of being answered.
        delay: seconds that every answer takes, in a thread.
    """

    def __init__(
        self,
        answers: Mapping[str, Callable[[Mapping[str, Any]], FakePayload]],
        states: Mapping[str, str] | None = None,
        delay: float = 0.0,
    ) -> None:
        self.root = f"fake-{id(self)}"
        self.answers, self.states, self.delay = dict(answers), dict(states or {}), delay
        self.jobs: dict[str, FakeJob] = {}
        self.results: dict[str, FakePayload] = {}
        self.submitted: list[tuple[str, Mapping[str, Any]]] = []
        self.cancelled: list[str] = []

    def ensure_worker(self, device: str = "auto") -> None:
        """Nothing to start."""

    def submit(self, kind: str, params: Mapping[str, Any], device: str = "auto") -> FakeJob:
        """Answer now, in a thread, or leave the job in its set state."""
        key = digest_of(kind, dict(params), device)
        self.submitted.append((kind, dict(params)))
        if key in self.jobs and self.jobs[key].status in {"queued", "running", "done"}:
            return self.jobs[key]
        self.jobs[key] = FakeJob(key, kind, dict(params), status="running", fraction=0.4, message="block 5 of 12")
        if kind in self.states:
            error = "the weights are damaged." if self.states[kind] == "failed" else None
            self.jobs[key] = dataclasses.replace(self.jobs[key], status=self.states[kind], error=error)
        elif self.delay:
            threading.Thread(target=self._answer_later, args=(key,), daemon=True).start()
        else:
            self._answer(key)
        return self.jobs[key]

    def job(self, key: str) -> FakeJob | None:
        """The job as it is now."""
        return self.jobs.get(key)

    def wait(self, key: str, seconds: float) -> FakeJob | None:
        """The job when it is over or the time is up."""
        end = time.monotonic() + seconds
        while self.jobs[key].status in {"queued", "running"} and time.monotonic() < end:
            time.sleep(0.02)
        return self.jobs[key]

    def done(self, kind: str) -> list[FakeJob]:
        """Jobs of one kind that are answered."""
        return [job for job in self.jobs.values() if job.kind == kind and job.status == "done"]

    def result(self, key: str) -> FakePayload | None:
        """The payload of an answered job."""
        return self.results.get(key)

    def active(self) -> list[FakeJob]:
        """Jobs that are not over."""
        return [job for job in self.jobs.values() if job.status in {"queued", "running"}]

    def cancel(self, key: str) -> None:
        """Cancel at once."""
        self.cancelled.append(key)
        self.jobs[key] = dataclasses.replace(self.jobs[key], status="cancelled")

    def _answer_later(self, key: str) -> None:
        for step in range(10):
            time.sleep(self.delay / 10)
            left = self.delay * (1 - (step + 1) / 10)
            if self.jobs[key].status == "cancelled":
                return
            self.jobs[key] = dataclasses.replace(
                self.jobs[key], fraction=(step + 1) / 10, seconds_left=left, message=f"block {step} of 12"
            )
        self._answer(key)

    def _answer(self, key: str) -> None:
        job = self.jobs[key]
        try:
            self.results[key] = self.answers[job.kind](job.params)
        except (ValueError, LookupError) as error:
            self.jobs[key] = dataclasses.replace(job, status="failed", error=str(error))
        else:
            self.jobs[key] = dataclasses.replace(job, status="done", fraction=1.0)
