"""How much room converted weights may take. Their bound is their own: a zoo is gigabytes, results are not."""

import contextlib
import os
import shutil
import time
from pathlib import Path

from mloss_core.errors import InvalidOptionError

DEFAULT_GB = 64.0
IN_USE_SECONDS = 3600
"""Files that were opened so lately stay whatever the bound: a zoo must not evict itself while it is opened."""
_GB = 10**9


def converted_limit(folder: Path) -> int:
    """Bytes that converted weights may take: `$MLOSS_CONVERTED_GB`, else 64 GB or half of what the disk has for them.

    Raises:
        InvalidOptionError: the variable is no number above 0.
    """
    text = os.environ.get("MLOSS_CONVERTED_GB")
    if text:
        with contextlib.suppress(ValueError):
            if 0 < float(text) < float("inf"):
                return int(float(text) * _GB)
        raise InvalidOptionError(f"MLOSS_CONVERTED_GB must be a number of gigabytes above 0; found {text!r}.")
    place = next((parent for parent in (folder, *folder.absolute().parents) if parent.is_dir()), Path())
    held = sum(size for _, size, _ in _files(folder))
    return int(min(DEFAULT_GB * _GB, (shutil.disk_usage(place).free + held) / 2))


def mark_used(path: Path) -> None:
    """Note that a converted file is in use: those that were not for longest are the first to go."""
    with contextlib.suppress(OSError):
        os.utime(path)


def keep_within_bound(folder: Path) -> None:
    """Remove converted files until the others fit, those unused for longest first, and none that is in use."""
    files = sorted(_files(folder))
    limit, total = converted_limit(folder), sum(size for _, size, _ in files)
    for used, size, path in files:
        if total <= limit or time.time() - used < IN_USE_SECONDS:
            return
        with contextlib.suppress(OSError):
            path.unlink()
            total -= size


def _files(folder: Path) -> list[tuple[float, int, Path]]:
    """When each file was last used, its size, and where it is."""
    found = []
    for path in folder.glob("*.safetensors"):
        with contextlib.suppress(OSError):
            stat = path.stat()
            found.append((stat.st_mtime, stat.st_size, path))
    return found
