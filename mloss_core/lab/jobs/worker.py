"""The process that owns a device: it takes jobs one at a time and keeps what it opened.

Started by `Workers.start`: `python -m mloss_core.lab.jobs.worker --device cpu --root FOLDER --parent PROCESS`.
"""

import argparse
import contextlib
import dataclasses
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from mloss_core.errors import CacheError, InvalidOptionError, JobCancelledError, MLossCoreError
from mloss_core.lab.devices import device_queue
from mloss_core.lab.job_types import JOB_TYPES
from mloss_core.lab.jobs.processes import runs, this_process
from mloss_core.lab.jobs.records import Job
from mloss_core.lab.jobs.store import GRACE, JobStore, after_death, ended, next_job
from mloss_core.lab.live.mailbox import Mailbox
from mloss_core.lab.live.service import LiveService
from mloss_core.lab.payloads import Payload
from mloss_core.lab.requests import plugin_of, request_key
from mloss_core.lab.running import Zoos, run_now
from mloss_core.zoo.embedded import DEFAULT_ZOO

ORPHAN_SECONDS = 10.0
"""Seconds without work after which a worker ends whose parent is gone."""
_POLL_SECONDS = 0.02
_REPORT_EVERY = 0.2
_HEARTBEAT_EVERY = 0.5
_LOOK_EVERY = 1.0
_LOCK_SECONDS = 5.0
_GIVE_WAY = 0.25
"""Seconds that a job waits at each step while a live request is answered: it slows down and does not stop."""
_KILLED = 3
log = logging.getLogger(__name__)


class Worker:
    """Takes the jobs of one device from a store, one at a time.

    Args:
        store: where the jobs are.
        device: as in `device_queue`.
        run: what does the work: (job, progress) -> Payload.
    """

    def __init__(self, store: JobStore, device: str, run: "Callable[[Job, Reporter], Payload] | None" = None) -> None:
        self.store, self.device, self.name = store, device, this_process()
        self.zoos = Zoos()
        self.job: Job | None = None
        self.live = LiveService(Mailbox(store.root), device)
        self._run = run or self._work

    def recover(self) -> None:
        """Take up what an earlier worker of this device left: there is one at a time, so it is gone."""
        self.requeue_abandoned()
        self.store.cache.sweep()
        self.store.records.prune()

    def requeue_abandoned(self) -> None:
        """Let jobs of this device that nobody does wait again: their worker is gone, or could not write how they ended.

        Call it between two jobs only.
        """
        with self.store.records.locked():
            for job in self.store.records.active():
                if job.status == "running" and device_queue(job.device) == self.device:
                    asked = self.store.records.flagged_for(job.key) is not None
                    self.store.records.write(after_death(job, asked))

    def step(self) -> bool:
        """Run the next job, if there is one."""
        records = self.store.records
        if next_job(records.active(), self.device) is None:
            return False
        with records.locked():
            job = next_job(records.active(), self.device)
            if job is None:
                return False
            begun: dict[str, Any] = {"status": "running", "started": time.time(), "message": "starting"}
            begun |= {"worker": self.name, "attempts": job.attempts + 1}
            job = records.write(dataclasses.replace(job, **begun))
        self.job = job
        try:
            self._do(job)
        finally:
            self.job = None
        return True

    def _work(self, job: Job, progress: "Reporter") -> Payload:
        # The answer is kept under the job's key, which names the plugin that was there when it was asked for.
        if plugin_of(job.params) is not None and request_key(job.kind, job.params, job.device) != job.key:
            raise InvalidOptionError("the plugin or the zoo changed while this waited; ask for it again.")
        return run_now(job.kind, job.params, job.device, progress, self.zoos)

    def _do(self, job: Job) -> None:
        reporter = Reporter(self.store, job, self.live.give_way)
        try:
            payload = self._run(job, reporter)
            self.store.keep(job.key, payload)
            reporter.end("done", fraction=1.0)
        except JobCancelledError:
            reporter.end("cancelled")
        except MLossCoreError as error:
            reporter.end("failed", error=str(error), error_kind=type(error).__name__)
        except Exception as error:  # A fault of ours must end the job, not the worker.
            traceback.print_exc()
            where = self.store.workers.log(self.device)
            sentence = f"internal error: {type(error).__name__}: {error}; details are in {where}."
            reporter.end("failed", error=" ".join(sentence.split()), error_kind=type(error).__name__)


class Reporter:
    """The progress callback of a job: writes the record now and then, and stops the work when asked to.

    Args:
        give_way: waits at most so many seconds while something more urgent is done.
    """

    def __init__(self, store: JobStore, job: Job, give_way: "Callable[[float], None] | None" = None) -> None:
        self.records, self.job = store.records, job
        self._give_way = give_way
        self._last = 0.0

    def __call__(self, fraction: float, message: str = "") -> None:
        if self.records.flagged_for(self.job.key) is not None:
            raise JobCancelledError("cancelled.")
        if self._give_way is not None:
            self._give_way(_GIVE_WAY)
        now = time.monotonic()
        if now - self._last < _REPORT_EVERY:
            return
        self._last = now
        if not self._update(fraction=min(1.0, max(0.0, fraction)), message=message):
            raise JobCancelledError("the job went to another worker.")

    def end(self, status: str, **changes: Any) -> None:
        """Record how the work ended, unless the job is no longer ours."""
        self._update(**{"status": status, "finished": time.time(), "message": "", **changes})

    def _update(self, **changes: Any) -> bool:
        with self.records.locked():
            record = self.records.read(self.job.key)
            if record is None or record.status != "running" or record.worker != self.job.worker:
                return False
            self.job = self.records.write(dataclasses.replace(record, **changes))
        return True


class Watchdog(threading.Thread):
    """Touches the heartbeat while the worker lives, and ends the process when a job does not stop when asked."""

    def __init__(self, worker: Worker, end_process: Callable[[int], Any] = os._exit, grace: float = GRACE) -> None:
        super().__init__(daemon=True, name="watchdog")
        self.worker, self.end_process, self.grace = worker, end_process, grace

    def run(self) -> None:
        """Look twice a second."""
        while True:
            with contextlib.suppress(CacheError):
                self.look()
            time.sleep(_HEARTBEAT_EVERY)

    def look(self) -> None:
        """One heartbeat, one look at the job."""
        store, job = self.worker.store, self.worker.job
        store.workers.touch_heartbeat(self.worker.device)
        flagged = None if job is None else store.records.flagged_for(job.key)
        if job is None or flagged is None or flagged < self.grace:
            return
        with store.records.locked():
            record = store.records.read(job.key)
            if record is None or record.status != "running" or record.worker != self.worker.name:
                return
            store.records.write(ended(record, "cancelled"))
        self.end_process(_KILLED)


def serve(worker: Worker, parent: str, warming: "Iterator[None] | None" = None) -> None:
    """Take jobs until nobody needs this worker.

    Args:
        worker: whose device this process owns.
        parent: name of the process that wanted it.
        warming: preparations, one step taken whenever there is no job.
    """
    last = looked = time.monotonic()
    steps = warming or iter(())
    while True:
        try:
            if worker.step():
                last = time.monotonic()
                continue
        except CacheError as error:
            log.warning("%s", error)
            time.sleep(1.0)
            with contextlib.suppress(CacheError):
                worker.requeue_abandoned()
        next(steps, None)
        now = time.monotonic()
        if now - looked > _LOOK_EVERY:
            looked = now
            if not needed(worker, parent, now - last):
                return
        time.sleep(_POLL_SECONDS)


def needed(worker: Worker, parent: str, idle: float) -> bool:
    """Whether a worker without a job stays: its parent lives, or it worked until a moment ago, and none replaced it."""
    record = worker.store.workers.record(worker.device)
    return record is not None and record.worker == worker.name and (idle < ORPHAN_SECONDS or runs(parent))


def warm(zoos: Zoos, device: str) -> Iterator[None]:
    """Open the embedded zoo and import what jobs need, a step at a time, so that the next job need not wait for it."""
    try:
        zoos.get(DEFAULT_ZOO, device)
    except MLossCoreError as error:
        log.warning("%s", error)
    for job_type in JOB_TYPES.values():
        yield
        job_type.load()
    yield
    import open_clip.transformer  # noqa: F401


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the worker process."""
    parser = argparse.ArgumentParser(prog="mloss_core.lab.jobs.worker")
    parser.add_argument("--device", required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--parent", required=True)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    store = JobStore(options.root)
    worker = Worker(store, options.device)
    try:
        with FileLock(store.workers.lock_file(options.device), timeout=_LOCK_SECONDS):
            Watchdog(worker).start()
            worker.recover()
            worker.live.start()
            store.workers.register(options.device, worker.name)
            serve(worker, options.parent, warm(worker.zoos, options.device))
            store.workers.unregister(options.device, worker.name)
    except Timeout:
        log.warning("another worker of %s runs.", options.device)
    return 0


if __name__ == "__main__":
    sys.exit(main())
