"""Temporary files of writers, and telling those at work from those that were killed.

A writer holds a lock on its temporary file, which the system takes back with the process. Where files cannot be locked,
their age decides.
"""

import contextlib
import glob
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

_WRITING = ".writing-"
_PATTERNS = (f"{_WRITING}*", ".*.part")
_FRESH_SECONDS = 10
"""A file may be this young before its writer has locked it."""
_STALE_SECONDS = 3600
"""Where locks tell nothing: a file that nobody has touched for so long belongs to a writer that was killed."""


def short_temporary(folder: Path) -> Path:
    """A new name in `folder` for what is written in one go."""
    return folder / f"{_WRITING}{secrets.token_hex(16)}"


def long_temporary(path: Path) -> Path:
    """A new name beside `path` for what is written bit by bit; it tells what it is to become."""
    return path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}.part")


def hold(file: IO[bytes]) -> None:
    """Mark an open temporary file as being written, until it is closed or the process ends."""
    with contextlib.suppress(OSError, ImportError):
        import fcntl

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


def temporaries(folder: Path) -> Iterator[Path]:
    """All temporary files in a folder, those being written included."""
    for pattern in _PATTERNS:
        yield from folder.glob(pattern)


def abandoned(folder: Path, target: str | None = None) -> list[Path]:
    """Temporary files in a folder whose writers were killed.

    Args:
        target: only those that were to become the file of this name.
    """
    found = temporaries(folder) if target is None else folder.glob(f".{glob.escape(target)}.*-*.part")
    return [path for path in found if _is_abandoned(path)]


def _is_abandoned(path: Path) -> bool:
    try:
        age = time.time() - path.stat().st_mtime
        return age > _FRESH_SECONDS and (age > _STALE_SECONDS if (held := _held(path)) is None else not held)
    except OSError:
        return False


def _held(path: Path) -> bool | None:
    """Whether a writer holds the file; None where that cannot be told."""
    try:
        import fcntl
    except ImportError:
        return None
    with path.open("rb") as file:
        try:
            fcntl.flock(file.fileno(), fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return None
    return False
