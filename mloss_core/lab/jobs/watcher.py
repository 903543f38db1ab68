"""All jobs of a folder in the memory of one process: one thread reads and tends, everybody else looks for nothing.

Pages look at jobs several times a second, in every window. Were each look to read the records, windows would cost more
than work.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from mloss_core.errors import CacheError
from mloss_core.lab.jobs.records import Job
from mloss_core.lab.jobs.store import JobStore, placed
from mloss_core.lab.jobs.tending import tend
from mloss_core.lab.payloads import Payload

QUICK = 0.25
"""Seconds between two looks at the folder while a job waits or runs, or when something has just changed."""
SLOW = 2.0
"""Seconds between two looks when nothing has happened for a while."""
TEND_EVERY = 1.0
"""Seconds after which the workers of active jobs are looked at again though no job began or ended."""
_STEP = 0.02
_SETTLED_NS = 2_000_000_000
"""Age at which a folder's time of change is trusted: some file systems count in seconds."""
log = logging.getLogger(__name__)


class Snapshot(NamedTuple):
    """Every recorded job at one moment; never changed, only replaced.

    Args:
        jobs: by key, those that wait with their place in the queue.
        active: those that wait or run, oldest first.
    """

    jobs: Mapping[str, Job] = MappingProxyType({})
    active: tuple[Job, ...] = ()


class JobWatcher:
    """The jobs of one folder as a server process sees them: submit and cancel, and read memory.

    Several processes may each have one on the same folder. What another process did is seen with the next look.

    Args:
        store: the jobs; those of the cache by default.
        start: whether to begin watching. Without, `beat` is called by hand.
    """

    def __init__(self, store: JobStore | None = None, start: bool = True) -> None:
        self.store = store or JobStore()
        self.snapshot = Snapshot()
        self.pause = QUICK
        self._files: dict[str, tuple[tuple[int, ...] | None, Job]] = {}
        self._folder_time: int | None = None
        self._tended = 0.0
        self._trouble = ""
        self._changing = threading.Lock()
        self._wake, self._closed = threading.Event(), threading.Event()
        self.look()
        if start:
            threading.Thread(target=self._watch, daemon=True, name="job-watcher").start()

    @property
    def root(self) -> Path:
        """The folder of job records."""
        return self.store.root

    def submit(self, kind: str, params: Mapping[str, Any], device: str = "auto") -> Job:
        """Ask for work, as `JobStore.submit`; the snapshot has the job at once.

        Raises:
            UnknownNameError, InvalidOptionError: no such kind, or parameters that it does not take.
            CacheError: the cache folder cannot be written.
        """
        job = self.store.submit(kind, params, device)
        return self._read_again(job.key) or job

    def cancel(self, key: str) -> None:
        """Ask a job to stop, as `JobStore.cancel`.

        Raises:
            CacheError: the cache folder cannot be written.
        """
        self.store.cancel(key)
        self._read_again(key)

    def ensure_worker(self, device: str = "auto") -> None:
        """Start the device's worker process unless one runs. Returns at once.

        Raises:
            CacheError: the cache folder cannot be written.
        """
        self.store.ensure_worker(device)

    def job(self, key: str) -> Job | None:
        """The job as it was seen last, or None when there is none."""
        return self.snapshot.jobs.get(key)

    def active(self) -> tuple[Job, ...]:
        """Jobs that wait or run, oldest first."""
        return self.snapshot.active

    def wait(self, key: str, seconds: float) -> Job | None:
        """The job when it is over, or as it is after some seconds. One that others precede is not waited for."""
        end, job = time.monotonic() + seconds, self.job(key)
        while job is not None and job.active and (job.queue_position or 0) <= 1 and time.monotonic() < end:
            time.sleep(_STEP)
            job = self._read_again(key, wake=False)
        return job

    def done(self, kind: str) -> list[Job]:
        """Finished jobs of one kind that answer what would be asked today; reads their records."""
        return self.store.done(kind)

    def result(self, key: str) -> Payload | None:
        """The answer of a finished job, or None when there is none (any more)."""
        return self.store.result(key)

    def close(self) -> None:
        """Stop watching."""
        self._closed.set()
        self._wake.set()

    def beat(self) -> None:
        """One look at the folder; one round of tending when a job began or ended, and now and then.

        Raises:
            CacheError: the cache folder cannot be written.
        """
        before = {job.key: job.status for job in self.snapshot.active}
        changed = self.look()
        active, now = self.snapshot.active, time.monotonic()
        if active and (now - self._tended >= TEND_EVERY or before != {job.key: job.status for job in active}):
            self._tended = now
            tend(self.store, active)
            changed = self.look() or changed
        self.pause = QUICK if changed or self.snapshot.active else min(SLOW, 2 * self.pause)

    def look(self) -> bool:
        """Bring the snapshot up to date; whether it changed. A folder in which nothing was written is not read."""
        folder = self.root / "records"
        with self._changing:
            try:
                written = folder.stat().st_mtime_ns
            except OSError:
                written = 0
            if written != self._folder_time:
                # A second write may bear the same time of change as the one that is read now.
                self._folder_time = written if time.time_ns() - written > _SETTLED_NS else None
                self._files = self._read_changed(folder)
            return self._renew()

    def _read_changed(self, folder: Path) -> dict[str, tuple[tuple[int, ...] | None, Job]]:
        """Every record by its key beside the marks of its file; a file with the marks it had is not opened."""
        files: dict[str, tuple[tuple[int, ...] | None, Job]] = {}
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if entry.name.startswith(".") or not entry.name.endswith(".json"):
                    continue
                with contextlib.suppress(FileNotFoundError):
                    status = entry.stat()
                    marks = (status.st_ino, status.st_mtime_ns, status.st_size)
                    key = entry.name.removesuffix(".json")
                    known = self._files.get(key)
                    job = known[1] if known is not None and known[0] == marks else self.store.records.read(key)
                    if job is not None:
                        files[key] = (marks, job)
        # A listing may lack a file that was replaced meanwhile, and a job that vanishes would be asked for again.
        for key in self._files.keys() - files.keys():
            job = self.store.records.read(key)
            if job is not None:
                files[key] = (None, job)
        return files

    def _read_again(self, key: str, wake: bool = True) -> Job | None:
        """One job from its file, now."""
        with self._changing:
            job = self.store.records.read(key)
            if job is not None and (key not in self._files or self._files[key][1] != job):
                self._files[key] = (None, job)
                self._folder_time = None
                self._renew()
        if wake:
            self._wake.set()
        return self.job(key)

    def _renew(self) -> bool:
        """A new snapshot of what was read; whether it differs. Places in a queue change with time as well."""
        active = tuple(placed(job for _, job in self._files.values() if job.active))
        jobs = {key: job for key, (_, job) in self._files.items()} | {job.key: job for job in active}
        changed = jobs != self.snapshot.jobs
        if changed:
            self.snapshot = Snapshot(MappingProxyType(jobs), active)
        return changed

    def _watch(self) -> None:
        while not self._closed.is_set():
            self._wake.clear()
            try:
                self.beat()
                self._trouble = ""
            except CacheError as error:
                self._say(str(error))
            except Exception as error:  # Whatever it is, those who wait for jobs need the next look.
                self._say(f"{type(error).__name__}: {error}")
            self._wake.wait(self.pause)

    def _say(self, sentence: str) -> None:
        """Log what is wrong once, not with every look."""
        if sentence != self._trouble:
            log.warning("looking after the jobs: %s", sentence)
            self._trouble = sentence
