"""Writing files whole or not at all; temporary files of writers, and telling those at work from those that were killed.

A writer holds a lock on its temporary file, which the system takes back with the process. Where files cannot be locked,
their age decides.
"""

import contextlib
import errno
import glob
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from mloss_core.errors import CacheError

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


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to a temporary file beside `path`, flush it, and rename it into place.

    Raises:
        CacheError: nothing was written; the message says where and why.
    """
    # Not tempfile's, which only its owner may read whatever the umask says.
    temporary = short_temporary(path.parent)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as file:
            hold(file)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):
            raise CacheError(_cannot_write(path, error)) from error
        raise


def _cannot_write(path: Path, error: OSError) -> str:
    full = error.errno in {errno.ENOSPC, errno.EDQUOT}
    remedy = "Free some space" if full else "Make the folder writable"
    return f"cannot write {path}: {error.strerror or error}. {remedy}, or name another cache folder in MLOSS_CACHE."


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
