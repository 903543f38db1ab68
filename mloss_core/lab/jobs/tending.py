"""Keeping the queues moving: the one place where workers are started for jobs that wait, missed and ended."""

import contextlib
import os
import signal
from collections.abc import Iterable

from mloss_core.lab.devices import device_queue
from mloss_core.lab.jobs.processes import process_id
from mloss_core.lab.jobs.records import Job
from mloss_core.lab.jobs.store import GRACE, JobStore, after_death


def tend(store: JobStore, jobs: Iterable[Job] | None = None) -> None:
    """Start a worker for every queue in which jobs wait, and take up what dead and deaf workers left.

    A job whose worker died waits again once and then fails; the worker of one that does not stop when asked is killed.
    Any number of processes may tend one folder: what changes a record is decided again inside the lock.

    Args:
        jobs: those that wait or run as the caller knows them; read from the folder by default.

    Raises:
        CacheError: the cache folder cannot be written, or the system starts no process.
    """
    checked = [_checked(store, job) for job in (store.records.active() if jobs is None else jobs)]
    for queue in sorted({device_queue(job.device) for job in checked if job.status == "queued"}):
        store.ensure_worker(queue)


def _checked(store: JobStore, job: Job) -> Job:
    """A job, after looking whether its process lives and whether it stops when asked."""
    if job.status != "running":
        return job
    flagged = store.records.flagged_for(job.key)
    if store.workers.is_running(device_queue(job.device), job.worker):
        if flagged is None or flagged < 2 * GRACE:
            return job
        _kill(job.worker)
    with store.records.locked():
        fresh = store.records.read(job.key)
        if fresh is None or fresh.status != "running" or fresh.worker != job.worker:
            return fresh or job
        return store.records.write(after_death(fresh, flagged is not None))


def _kill(worker: str | None) -> None:
    pid = process_id(worker)
    with contextlib.suppress(ProcessLookupError):
        if pid is not None:
            os.kill(pid, signal.SIGKILL)
