"""The worker processes of a job folder, at most one a device: starting them, and knowing whether one runs."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from contextlib import AbstractContextManager
from pathlib import Path

import mloss_core
from mloss_core.lab.jobs.processes import process_name, runs
from mloss_core.lab.jobs.records import lock_of, writing

TRIES = 2
"""Starts in a row that may fail before the jobs that wait are failed."""
_FORGIVEN_SECONDS = 600.0
_LONGEST_LOG = 1 << 20


@dataclasses.dataclass(frozen=True)
class WorkerRecord:
    """Which process works on a device.

    Args:
        worker: name of the process.
        started: when, in seconds since the epoch.
        ready: whether it got as far as taking jobs.
        failures: starts before this one that did not get so far.
    """

    worker: str
    started: float
    ready: bool = False
    failures: int = 0


class Workers:
    """The worker processes of the jobs below one folder, at most one a device. A device is named as
    in `device_queue`."""

    def __init__(self, root: Path) -> None:
        self.root, self.folder = root, root / "workers"

    def record(self, device: str) -> WorkerRecord | None:
        """The last known worker of the device, running or not."""
        try:
            return WorkerRecord(**json.loads(self._file(device, "json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def is_running(self, device: str, worker: str | None = None) -> bool:
        """Whether the device's worker runs; with `worker`, whether that very one does."""
        record = self.record(device)
        name = worker or (record.worker if record else None)
        return runs(name, self.heartbeat(device))

    def heartbeat(self, device: str) -> Path:
        """The file that the worker touches while it lives."""
        return self._file(device, "alive")

    def log(self, device: str) -> Path:
        """What the worker printed."""
        return self._file(device, "log")

    def lock_file(self, device: str) -> Path:
        """The lock file that a worker holds all its life."""
        return self._file(device, "lock")

    def start(self, device: str) -> bool:
        """Start the device's worker unless one runs; returns at once. False when it failed to start too often.

        Raises:
            CacheError: the folder cannot be written, or the system starts no process.
        """
        if self.is_running(device):
            return True
        with self._locked(device):
            last = self.record(device)
            if last is not None and runs(last.worker, self.heartbeat(device)):
                return True
            failures = self._failures(last)
            if failures >= TRIES:
                self._file(device, "json").unlink(missing_ok=True)
                return False
            with writing(self.folder):
                pid = self._spawn(device)
                self._write(device, WorkerRecord(process_name(pid), time.time(), failures=failures))
        return True

    def register(self, device: str, worker: str) -> None:
        """A worker says that it takes jobs now."""
        with self._locked(device):
            self._write(device, WorkerRecord(worker, time.time(), ready=True))

    def touch_heartbeat(self, device: str) -> None:
        """A worker says that it lives."""
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
            self.heartbeat(device).touch()

    def unregister(self, device: str, worker: str) -> None:
        """A worker says that it is about to end."""
        with self._locked(device):
            record = self.record(device)
            if record is not None and record.worker == worker:
                self._file(device, "json").unlink(missing_ok=True)

    def _locked(self, device: str) -> AbstractContextManager[None]:
        return lock_of(self._file(device, "start"))

    def _failures(self, last: WorkerRecord | None) -> int:
        recent = last is not None and not last.ready and time.time() - last.started < _FORGIVEN_SECONDS
        return last.failures + 1 if last is not None and recent else 0

    def _spawn(self, device: str) -> int:
        log = self.log(device)
        fresh = not log.exists() or log.stat().st_size > _LONGEST_LOG
        with log.open("wb" if fresh else "ab") as output:
            return subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "mloss_core.lab.jobs.worker",
                    "--device",
                    device,
                    "--root",
                    str(self.root),
                    "--parent",
                    process_name(os.getpid()),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                env=self._environment(),
            ).pid

    def _environment(self) -> dict[str, str]:
        """The caller's environment, with this project importable and this cache in use wherever the caller started."""
        project = str(Path(mloss_core.__file__).resolve().parent.parent)
        paths = [project, *filter(None, [os.environ.get("PYTHONPATH")])]
        return {**os.environ, "PYTHONPATH": os.pathsep.join(paths), "MLOSS_CACHE": str(self.root.parent.absolute())}

    def _write(self, device: str, record: WorkerRecord) -> None:
        path = self._file(device, "json")
        temporary = path.with_suffix(f".{os.getpid()}")
        with writing(self.folder):
            temporary.write_text(json.dumps(dataclasses.asdict(record)), encoding="utf-8")
            temporary.replace(path)

    def _file(self, device: str, suffix: str) -> Path:
        return self.folder / f"{device.replace(':', '-')}.{suffix}"
