"""The process that owns a device: it takes jobs one at a time and keeps what it opened.

Started by `JobStore.ensure_worker`: `python -m mloss_core.lab.worker --device cpu --root FOLDER --parent PID`.
"""

import argparse
import dataclasses
import logging
import sys
import time
import traceback
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock, Timeout

from mloss_core.errors import JobCancelledError, MLossCoreError
from mloss_core.lab.identity import zoo_identity
from mloss_core.lab.jobs import RESULTS, JobStore, next_job
from mloss_core.lab.kinds import KINDS, Payload, check_request
from mloss_core.lab.records import Job, alive

if TYPE_CHECKING:
    from mloss_core.types import Progress
    from mloss_core.zoo import Zoo

IDLE_SECONDS = 900.0
ORPHAN_SECONDS = 10.0
_NAP = 0.02
_REPORT_EVERY = 0.2
_OPEN_ZOOS = 3
log = logging.getLogger(__name__)


class Zoos:
    """The zoos a process has open, the last few of them."""

    def __init__(self, device: str) -> None:
        self.device = device
        self._open: OrderedDict[tuple[str, str], Zoo] = OrderedDict()

    def get(self, name: str) -> "Zoo":
        """The zoo of that name, opened anew when its files changed."""
        from mloss_core.zoo import open_zoo

        key = (name, zoo_identity(name))
        if key not in self._open:
            self._open[key] = open_zoo(name, device=self.device)
        self._open.move_to_end(key)
        while len(self._open) > _OPEN_ZOOS:
            self._open.popitem(last=False)
        return self._open[key]


def run_now(kind: str, params: Mapping[str, Any], zoos: Zoos, progress: "Progress") -> Payload:
    """Do a piece of work in this process."""
    record = check_request(kind, params)
    return record.load()(zoos.get(params["zoo"]), params, progress)


class Worker:
    """Takes the jobs of one device from a store, one at a time."""

    def __init__(self, store: JobStore, device: str, pid: int, zoos: Zoos | None = None) -> None:
        self.store, self.device, self.pid = store, device, pid
        self.zoos = zoos or Zoos(device)

    def step(self) -> bool:
        """Run the next job, if there is one."""
        job = next_job(self.store.records.active(), self.device)
        if job is None:
            return False
        self._run(
            self.store.records.write(
                dataclasses.replace(
                    job,
                    status="running",
                    started=time.time(),
                    pid=self.pid,
                    attempts=job.attempts + 1,
                    message="starting",
                )
            )
        )
        return True

    def _run(self, job: Job) -> None:
        reporter = _Reporter(self.store, job)
        try:
            payload = run_now(job.kind, job.params, self.zoos, reporter)
            self.store.cache.put(RESULTS, job.key, dict(payload.meta), dict(payload.arrays))
            reporter.end("done", fraction=1.0)
        except JobCancelledError:
            reporter.end("cancelled")
        except MLossCoreError as error:
            reporter.end("failed", error=str(error), error_kind=type(error).__name__)
        except Exception as error:  # A fault of ours must end the job, not the worker.
            traceback.print_exc()
            where = self.store.root / "workers"
            sentence = f"internal error: {type(error).__name__}: {error}. Details are in the worker's log in {where}."
            reporter.end("failed", error=sentence, error_kind=type(error).__name__)


class _Reporter:
    """The progress callback of a job: writes the record now and then, and stops the work when asked to."""

    def __init__(self, store: JobStore, job: Job) -> None:
        self.store, self.job = store, job
        self._flag = store.records.flag(job.key)
        self._last = 0.0

    def __call__(self, fraction: float, message: str = "") -> None:
        if self._flag.exists():
            raise JobCancelledError("cancelled.")
        now = time.monotonic()
        if now - self._last < _REPORT_EVERY:
            return
        self._last = now
        self.job = dataclasses.replace(self.job, fraction=min(1.0, max(0.0, fraction)), message=message)
        self.store.records.write(self.job)

    def end(self, status: str, **changes: Any) -> None:
        self.job = dataclasses.replace(self.job, status=status, finished=time.time(), message="", **changes)
        self.store.records.write(self.job)


def _warm(zoos: Zoos) -> None:
    """Import what the first job needs and open the embedded zoo, so that nobody waits for it."""
    import open_clip.transformer  # noqa: F401

    for kind in KINDS.values():
        kind.load()
    try:
        zoos.get("demo")
    except MLossCoreError as error:
        log.warning("%s", error)


def serve(store: JobStore, device: str, parent: int, pid: int) -> None:
    """Take jobs until nobody needs this worker: long idle, or its parent gone and nothing to do."""
    worker = Worker(store, device, pid)
    _warm(worker.zoos)
    last = time.monotonic()
    while True:
        if worker.step():
            last = time.monotonic()
            continue
        idle = time.monotonic() - last
        if idle > IDLE_SECONDS or (idle > ORPHAN_SECONDS and not alive(parent)):
            return
        time.sleep(_NAP)


def main(arguments: list[str] | None = None) -> int:
    """Entry point of the worker process."""
    import os

    parser = argparse.ArgumentParser(prog="mloss_core.lab.worker")
    parser.add_argument("--device", required=True)
    parser.add_argument("--root", type=Path, required=True)
    parser.add_argument("--parent", type=int, default=0)
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING)
    store = JobStore(options.root)
    folder = store.root / "workers"
    folder.mkdir(parents=True, exist_ok=True)
    name = options.device.replace(":", "-")
    try:
        with FileLock(folder / f"{name}.lock", timeout=0):
            (folder / f"{name}.pid").write_text(str(os.getpid()))
            serve(store, options.device, options.parent, os.getpid())
    except Timeout:
        return 0
    return 0


if __name__ == "__main__":
    sys.exit(main())
