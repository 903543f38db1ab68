"""Submitting work, following it and stopping it, from any process and without importing torch.

Each device has one worker process. A job is a record on disk, so it survives a reload, and a second window sees it.
"""

import contextlib
import dataclasses
import logging
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mloss_core.caching import JOB_RESULTS, Cache, Entry, cache_root
from mloss_core.errors import CacheError, MLossCoreError
from mloss_core.lab.devices import device_queue
from mloss_core.lab.job_types import JOB_TYPES
from mloss_core.lab.jobs.records import Job, Records, writing
from mloss_core.lab.jobs.spare import Spare
from mloss_core.lab.jobs.workers import Workers
from mloss_core.lab.payloads import CacheReference, Payload
from mloss_core.lab.requests import canonical, request_key

__all__ = ["Job", "JobStore"]

log = logging.getLogger(__name__)
_REFERENCE = "stored"
"""Fact of a stored result whose content is another cache entry: that entry's kind and key."""
MAX_ATTEMPTS = 2
GRACE = 5.0
"""Seconds that a running job has to stop by itself before its worker is ended."""
PATIENCE = 60.0
"""Seconds after which a waiting job goes first, whatever its type."""


class JobStore:
    """The jobs of one cache folder.

    Args:
        root: the folder of job records; `jobs` in the cache by default. Results lie in the cache beside it.
    """

    def __init__(self, root: "Path | str | None" = None) -> None:
        self.root = Path(root) if root is not None else cache_root() / "jobs"
        self.records = Records(self.root)
        self.workers = Workers(self.root)
        self.cache = Cache(self.root.parent)
        self.spare = Spare(self.root.parent)

    def submit(self, kind: str, params: Mapping[str, Any], device: str = "auto") -> Job:
        """Ask for work. An identical request that waits or runs is joined; a finished one is served at once.

        Raises:
            UnknownNameError, InvalidOptionError: no such kind, or parameters that it does not take.
            CacheError: the cache folder cannot be written.
        """
        params = canonical(kind, params)
        key = request_key(kind, params, device)
        job = self.job(key)
        if job is None or not (job.active or (job.status == "done" and self._has_answer(kind, key))):
            with self.records.locked():
                job = self.records.read(key)
                if job is None or not job.active:
                    job = self.records.write(self._new(key, kind, params, device))
        if job.active:
            self._withdraw_cancel(key)
            self.ensure_worker(device)
        return job

    def _withdraw_cancel(self, key: str) -> None:
        """Take back the wish to stop a running job, unless it has been heard."""
        if self.records.flagged_for(key) is not None:
            with self.records.locked(), writing(self.root):
                self.records.flag(key).unlink(missing_ok=True)

    def job(self, key: str) -> Job | None:
        """The job as it is recorded now, with its place in the queue, or None when it was never asked for.

        Looking changes nothing: `tending.tend` sees to it that the queues move.
        """
        job = self.records.read(key)
        if job is None or job.status != "queued":
            return job
        return next((one for one in self.active() if one.key == key), job)

    def active(self) -> list[Job]:
        """Jobs that wait or run with their places in the queues, oldest first."""
        return placed(self.records.active())

    def done(self, kind: str) -> list[Job]:
        """Finished jobs of one kind that answer what would be asked today: zoo and plugins are still the same."""
        found = []
        for job in self.records.done(kind):
            with contextlib.suppress(MLossCoreError, LookupError, TypeError):
                if request_key(job.kind, job.params, job.device) == job.key:
                    found.append(job)
        return found

    def result(self, key: str) -> Payload | None:
        """The answer of a finished job, or None when there is none (any more)."""
        entry = self._entry(key)
        if entry is None or _REFERENCE not in entry.meta:
            return None if entry is None else Payload(entry.meta, entry.arrays)
        reference = CacheReference(*entry.meta[_REFERENCE])
        held = self.cache.get(reference.kind, reference.key)
        facts = {name: value for name, value in entry.meta.items() if name != _REFERENCE}
        return None if held is None else Payload({**held.meta, **facts}, held.arrays, reference)

    def keep(self, key: str, payload: Payload) -> None:
        """Store the answer of a job; what the cache holds already is referred to.

        An answer that the cache cannot take is kept in memory: finished work is shown whatever the disk says.

        Raises:
            CacheError: neither has room for it, or neither can be written.
        """
        stored, meta, arrays = payload.stored, dict(payload.meta), dict(payload.arrays)
        if stored is not None and self.cache.path(stored.kind, stored.key).exists():
            facts = {name: payload.meta[name] for name in stored.facts}
            meta, arrays = {**facts, _REFERENCE: [stored.kind, stored.key]}, {}
        try:
            self.cache.put(JOB_RESULTS, key, meta, arrays)
        except CacheError as error:
            log.warning("an answer is kept in memory alone: %s", error)
            try:
                self.spare.put(JOB_RESULTS, key, meta, arrays)
            except CacheError:
                raise error from None

    def cancel(self, key: str) -> None:
        """Ask a job to stop: one that waits is cancelled at once, a running one between two steps.

        Raises:
            CacheError: the cache folder cannot be written.
        """
        with self.records.locked(), writing(self.root):
            job = self.records.read(key)
            if job is None or not job.active:
                return
            if job.status == "queued":
                self.records.write(ended(job, "cancelled"))
                return
            flag = self.records.flag(key)
            flag.parent.mkdir(parents=True, exist_ok=True)
            if not flag.exists():
                flag.touch()

    def ensure_worker(self, device: str = "auto") -> None:
        """Start the device's worker process unless one runs. Returns at once.

        Raises:
            CacheError: the cache folder cannot be written.
        """
        queue = device_queue(device)
        if not self.workers.start(queue):
            self._fail_waiting(queue)

    def _new(self, key: str, kind: str, params: Mapping[str, Any], device: str) -> Job:
        """A job that waits, or that is done because its answer is still there."""
        now = time.time()
        job = Job(key=key, kind=kind, params=params, device=device, created=now)
        return ended(job, "done", fraction=1.0) if self._has_answer(kind, key) else job

    def _has_answer(self, kind: str, key: str) -> bool:
        """Whether the answer to a request is there."""
        if not (self.cache.path(JOB_RESULTS, key).exists() or self.spare.has(JOB_RESULTS, key)):
            return False
        record = JOB_TYPES[kind]
        if not (record.writes_file or record.refers):
            return True
        entry = self._entry(key)
        if entry is None:
            return False
        if _REFERENCE in entry.meta:
            return self.cache.path(*entry.meta[_REFERENCE]).exists()
        return not record.writes_file or Path(entry.meta["path"]).is_file()

    def _entry(self, key: str) -> Entry | None:
        return self.cache.get(JOB_RESULTS, key) or self.spare.get(JOB_RESULTS, key)

    def _fail_waiting(self, queue: str) -> None:
        """Fail the jobs that wait for a worker which does not start."""
        sentence = f"the worker process does not start; details are in {self.workers.log(queue)}."
        with self.records.locked():
            for job in self.records.active():
                if job.status == "queued" and device_queue(job.device) == queue:
                    self.records.write(ended(job, "failed", error=sentence, error_kind="WorkerError"))


def ended(job: Job, status: str, **changes: Any) -> Job:
    """The job when it is over."""
    return dataclasses.replace(job, status=status, finished=time.time(), message="", **changes)


def after_death(job: Job, asked_to_stop: bool) -> Job:
    """What becomes of a running job whose worker is gone: it waits again once, and fails the second time."""
    if asked_to_stop:
        return ended(job, "cancelled")
    if job.attempts >= MAX_ATTEMPTS:
        sentence = "the worker process ended twice during this work, perhaps for lack of memory."
        return ended(job, "failed", error=sentence, error_kind="WorkerError")
    return dataclasses.replace(job, status="queued", fraction=0.0, message="", started=None, worker=None)


def next_job(jobs: Sequence[Job], queue: str) -> Job | None:
    """The job that a device's worker takes next: what a page waits for first, what has waited too long before all."""
    waiting = [job for job in jobs if job.status == "queued" and device_queue(job.device) == queue]
    now = time.time()
    return min(waiting, key=lambda job: _order(job, now), default=None)


def placed(jobs: Iterable[Job]) -> list[Job]:
    """Jobs that wait or run, oldest first; those that wait with their place in their device's queue."""
    jobs, now = list(jobs), time.time()
    ahead: Counter[str] = Counter()
    places = {}
    for job in sorted(jobs, key=lambda job: _order(job, now)):
        queue = device_queue(job.device)
        ahead[queue] += 1
        places[job.key] = ahead[queue] if job.status == "queued" else None
    jobs.sort(key=lambda job: job.created)
    return [dataclasses.replace(job, queue_position=places[job.key]) for job in jobs]


def _order(job: Job, now: float) -> tuple[int, int, float]:
    """The order in which jobs are taken: the running one, then by priority, then by age."""
    priority = JOB_TYPES[job.kind].priority if job.kind in JOB_TYPES else 9
    return (job.status != "running", 0 if now - job.created > PATIENCE else priority, job.created)
