"""A job on disk: one small JSON file, rewritten whole, so that every process sees all of it or none."""

import contextlib
import dataclasses
import json
import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mloss_core.errors import CacheError

ACTIVE = ("queued", "running")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """A piece of work and how far it is.

    Args:
        key: of the request; identical requests share it.
        kind, params, device: what was asked for, and where.
        status: queued, running, done, failed or cancelled.
        fraction: share of the work that is done, 0 to 1; `message` says what is going on.
        created, started, finished: times in seconds since the epoch, None before they come.
        error: one sentence when it failed; `error_kind` is the error's class.
        pid: process that runs it; attempts: how often it was begun.
        queue_position: 1 for the next in line, None when it does not wait.
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
    pid: int | None = None
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
    """The records below one folder: `records/KEY.json`, with `active/KEY` while a job waits or runs."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def read(self, key: str) -> Job | None:
        """The record, or None when there is none or it cannot be read."""
        try:
            return Job(**json.loads((self.root / "records" / f"{key}.json").read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def write(self, job: Job) -> Job:
        """Store a record and return it.

        Raises:
            CacheError: the folder cannot be written.
        """
        values = {**dataclasses.asdict(job), "queue_position": None}
        try:
            self._replace(self.root / "records" / f"{job.key}.json", json.dumps(values))
            marker = self.root / "active" / job.key
            if job.active:
                marker.parent.mkdir(parents=True, exist_ok=True)
                marker.touch()
            else:
                marker.unlink(missing_ok=True)
                self.flag(job.key).unlink(missing_ok=True)
        except OSError as error:
            raise CacheError(
                f"cannot write {self.root}: {error.strerror or error}. Free some space or make the folder writable; "
                "MLOSS_CACHE names another cache folder."
            ) from error
        return job

    def active(self) -> list[Job]:
        """Jobs that wait or run, oldest first."""
        try:
            keys = [path.name for path in (self.root / "active").iterdir()]
        except OSError:
            return []
        found = [job for key in keys if (job := self.read(key)) is not None and job.active]
        return sorted(found, key=lambda job: job.created)

    def flag(self, key: str) -> Path:
        """The file whose presence asks a running job to stop."""
        return self.root / "cancel" / key

    def _replace(self, path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
        try:
            temporary.write_text(text, encoding="utf-8")
            temporary.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def alive(pid: int | None) -> bool:
    """Whether a process still runs (a finished child that nobody waited for does not count)."""
    if pid is None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (OSError, IndexError):
        return True
