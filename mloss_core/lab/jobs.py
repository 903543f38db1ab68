"""Submitting work, following it and stopping it, from any process and without importing torch.

Each device has one worker process. A job is a record on disk, so it survives a reload, and a second window sees it.
"""

import contextlib
import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mloss_core
from mloss_core.caching import Cache, cache_root
from mloss_core.errors import CacheError
from mloss_core.lab.identity import lane, request_key
from mloss_core.lab.kinds import KINDS, Payload, check_request
from mloss_core.lab.records import Job, Records, alive

__all__ = ["Job", "JobStore"]

RESULTS = "jobs-results"
MAX_ATTEMPTS = 2
GRACE = 5.0
"""Seconds that a running job has to stop by itself before its worker is ended."""


class JobStore:
    """The jobs of one cache folder.

    Args:
        root: the folder of job records; `jobs` in the cache by default. Results lie in the cache beside it.
    """

    def __init__(self, root: "Path | str | None" = None) -> None:
        self.root = Path(root) if root is not None else cache_root() / "jobs"
        self.records = Records(self.root)
        self.cache = Cache(self.root.parent)

    def submit(self, kind: str, params: Mapping[str, Any], device: str = "auto") -> Job:
        """Ask for work. An identical request that waits or runs is joined; a finished one is served at once.

        Raises:
            UnknownNameError, InvalidOptionError: no such kind, or parameters that it does not take.
            CacheError: the cache folder cannot be written.
        """
        check_request(kind, params)
        key = request_key(kind, params, device)
        job = self.job(key)
        if job is not None and job.active:
            self.ensure_worker(device)
            return job
        if job is not None and job.status == "done" and self.cache.path(RESULTS, key).exists():
            return job
        job = self.records.write(Job(key=key, kind=kind, params=dict(params), device=device, created=time.time()))
        self.ensure_worker(device)
        return job

    def job(self, key: str) -> Job | None:
        """The job as it is now, or None when it was never asked for.

        A job whose worker died waits again once and then fails; one that does not stop when asked is ended.
        """
        job = self.records.read(key)
        if job is None or not job.active:
            return job
        if job.status == "running":
            return self._checked(job)
        ahead = sum(1 for other in self.records.active() if _order(other) < _order(job) and other.device == job.device)
        return dataclasses.replace(job, queue_position=ahead + 1)

    def active(self) -> list[Job]:
        """Jobs that wait or run, oldest first."""
        return [job for one in self.records.active() if (job := self.job(one.key)) is not None and job.active]

    def result(self, key: str) -> Payload | None:
        """The answer of a finished job, or None."""
        entry = self.cache.get(RESULTS, key)
        return None if entry is None else Payload(entry.meta, entry.arrays)

    def cancel(self, key: str) -> None:
        """Ask a job to stop: one that waits is cancelled at once, a running one between two steps."""
        job = self.records.read(key)
        if job is None or not job.active:
            return
        if job.status == "queued":
            self.records.write(dataclasses.replace(job, status="cancelled", finished=time.time()))
            return
        flag = self.records.flag(key)
        try:
            flag.parent.mkdir(parents=True, exist_ok=True)
            flag.touch(exist_ok=True)
        except OSError as error:
            raise CacheError(f"cannot write {flag.parent}: {error.strerror or error}.") from error

    def ensure_worker(self, device: str = "auto") -> None:
        """Start the device's worker process unless one runs. Returns at once."""
        name = lane(device)
        if alive(self.worker_pid(name)):
            return
        folder = self.root / "workers"
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with (folder / f"{_file_name(name)}.log").open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "mloss_core.lab.worker", "--device", name, "--root", str(self.root),
                     "--parent", str(os.getpid())],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, env=_environment(),
                )  # fmt: skip
            (folder / f"{_file_name(name)}.pid").write_text(str(process.pid))
        except OSError as error:
            raise CacheError(f"cannot start a worker in {folder}: {error.strerror or error}.") from error

    def worker_pid(self, name: str) -> int | None:
        """Process of a device's worker, alive or not; None before the first."""
        try:
            return int((self.root / "workers" / f"{_file_name(name)}.pid").read_text())
        except (OSError, ValueError):
            return None

    def _checked(self, job: Job) -> Job:
        """A running job, after looking whether its process lives and whether it stops when asked."""
        if not alive(job.pid):
            fresh = self.records.read(job.key)
            if fresh is None or fresh.status != "running":
                return fresh or job
            if job.attempts >= MAX_ATTEMPTS:
                return self._ended(
                    job, "failed", "the worker process ended twice during this work, perhaps for lack of memory."
                )
            again = dataclasses.replace(job, status="queued", fraction=0.0, started=None, pid=None)
            self.records.write(again)
            self.ensure_worker(job.device)
            return again
        with contextlib.suppress(OSError):
            if time.time() - self.records.flag(job.key).stat().st_mtime > GRACE:
                os.kill(job.pid or 0, signal.SIGKILL)
                return self._ended(job, "cancelled", None)
        return job

    def _ended(self, job: Job, status: str, error: str | None) -> Job:
        return self.records.write(
            dataclasses.replace(job, status=status, error=error, error_kind=None, finished=time.time())
        )


def _order(job: Job) -> tuple[int, int, float]:
    """The order in which jobs are taken: the running one, then by priority, then by age."""
    return (job.status != "running", KINDS[job.kind].priority if job.kind in KINDS else 9, job.created)


def next_job(jobs: list[Job], name: str) -> Job | None:
    """The job that a device's worker takes next."""
    waiting = [job for job in jobs if job.status == "queued" and lane(job.device) == name]
    return min(waiting, key=_order, default=None)


def _file_name(device: str) -> str:
    return device.replace(":", "-")


def _environment() -> dict[str, str]:
    """The caller's environment, with this project importable wherever the caller was started."""
    project = str(Path(mloss_core.__file__).resolve().parent.parent)
    paths = [project, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
