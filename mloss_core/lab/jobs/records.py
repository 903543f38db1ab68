"""A job on disk: one small JSON file, rewritten whole, so that every process sees all of it or none."""

import contextlib
import dataclasses
import json
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from mloss_core.errors import CacheError
from mloss_core.lab.devices import device_queue

ACTIVE = ("queued", "running")
KEPT_RECORDS = 500
_STALE_SECONDS = 300


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """A piece of work and how far it is.

    Args:
        key: of the request; identical requests share it.
        kind, params, device: what was asked for (the name of its job type, and parameters), and where.
        status: queued, running, done, failed or cancelled.
        fraction: share of the work that is done, 0 to 1; `message` says what is going on.
        created, started, finished: times in seconds since the epoch, None before they come.
        error: one sentence when it failed; `error_kind` is the error's class.
        worker: name of the process that runs it; attempts: how often it was begun.
        queue_position: 1 for the next in its queue, None when it does not wait.
    """

    key: str
    kind: str
    params: Mapping[str, Any]
    device: str
    status: str = "queued"
    fraction: float = 0.0
    message: str = ""
    created: float = 0.0
    started: float | None = None
    finished: float | None = None
    error: str | None = None
    error_kind: str | None = None
    worker: str | None = None
    attempts: int = 0
    queue_position: int | None = None

    @property
    def active(self) -> bool:
        """Whether it still waits or runs."""
        return self.status in ACTIVE

    @property
    def seconds_left(self) -> float | None:
        """Time left if it goes on as it went; None before that can be said."""
        if self.status != "running" or self.started is None or self.fraction < 0.05:
            return None
        return (time.time() - self.started) * (1 - self.fraction) / self.fraction


class Records:
    """The records below one folder: `records/KEY.json`, with `active/KEY` while a job waits or runs.

    Whoever changes a record from what it has read does so inside `locked`; reading alone needs no lock.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the records still. Not to be nested.

        Raises:
            CacheError: the folder cannot be written.
        """
        with lock_of(self.root / "records.lock"):
            yield

    def read(self, key: str) -> Job | None:
        """The record, or None when there is none or it cannot be read."""
        try:
            job = Job(**json.loads((self.root / "records" / f"{key}.json").read_text(encoding="utf-8")))
            device_queue(job.device)
            return job
        except (OSError, ValueError, TypeError):
            return None

    def write(self, job: Job) -> Job:
        """Store a record and return it.

        Raises:
            CacheError: the folder cannot be written.
        """
        values = {**dataclasses.asdict(job), "queue_position": None}
        marker = self.root / "active" / job.key
        with writing(self.root):
            if job.active:
                # First, so that no job is ever recorded as waiting without being in the queue.
                marker.parent.mkdir(parents=True, exist_ok=True)
                marker.touch()
            replace_text(self.root / "records" / f"{job.key}.json", json.dumps(values))
            if not job.active:
                marker.unlink(missing_ok=True)
                self.flag(job.key).unlink(missing_ok=True)
        return job

    def active(self) -> list[Job]:
        """Jobs that wait or run, oldest first."""
        try:
            keys = [path.name for path in (self.root / "active").iterdir()]
        except OSError:
            return []
        jobs = [job for key in keys if (job := self.read(key)) is not None and job.active]
        return sorted(jobs, key=lambda job: job.created)

    def done(self, kind: str) -> list[Job]:
        """Finished jobs of one kind, in no order; reads every record."""
        keys = [path.stem for path in (self.root / "records").glob("*.json") if not path.name.startswith(".")]
        jobs = [job for key in keys if (job := self.read(key)) is not None]
        return [job for job in jobs if job.kind == kind and job.status == "done"]

    def flag(self, key: str) -> Path:
        """The file whose presence asks a running job to stop."""
        return self.root / "cancel" / key

    def flagged_for(self, key: str) -> float | None:
        """Seconds since the job was asked to stop; None when it was not."""
        try:
            return time.time() - self.flag(key).stat().st_mtime
        except OSError:
            return None

    def prune(self, keep: int = KEPT_RECORDS) -> None:
        """Forget all but the newest jobs that are over, and what killed writers left. Results stay in the cache."""
        ended, now = [], time.time()
        for path in (self.root / "records").glob("*.json*"):
            with contextlib.suppress(OSError):
                age = now - path.stat().st_mtime
                if path.name.startswith("."):
                    if age > _STALE_SECONDS:
                        path.unlink()
                elif not (self.root / "active" / path.stem).exists():
                    ended.append((age, path))
        for _, path in sorted(ended)[keep:]:
            with contextlib.suppress(OSError):
                path.unlink()


def replace_text(path: Path, text: str) -> None:
    """Write a small file so that a reader sees all of the old one or all of the new; it need not survive a crash.

    Raises:
        OSError: nothing was written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        temporary.write_text(text, encoding="utf-8")
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


@contextlib.contextmanager
def writing(folder: Path) -> Iterator[None]:
    """Turn what goes wrong while writing below a folder into one sentence.

    Raises:
        CacheError: see `mloss_core.errors`.
    """
    try:
        yield
    except CacheError:
        raise
    except OSError as error:
        raise CacheError(
            f"cannot write {folder}: {error.strerror or error}. Free some space or make the folder writable; "
            "MLOSS_CACHE names another cache folder."
        ) from error


@contextlib.contextmanager
def lock_of(path: Path) -> Iterator[None]:
    """Hold a lock file against other processes and other threads of this one.

    Raises:
        CacheError: the folder cannot be written.
    """
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        lock.acquire(poll_interval=0.003)
    try:
        yield
    finally:
        lock.release()
