"""Where answers go that the cache cannot take: a private folder in memory, so that finished work is still shown."""

import contextlib
import os
import stat
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mloss_core.caching import Cache, Entry, digest_of
from mloss_core.errors import CacheError

LIMIT = 128 * 2**20
"""Bytes that answers may take there; the least recently used go first."""
_MEMORY = Path("/dev/shm")


class Spare:
    """Answers of one cache folder that its disk had no room for.

    Args:
        root: the cache folder.
        parent: the folder in memory; where the system has none, that of temporary files.
    """

    def __init__(self, root: Path, parent: Path | None = None) -> None:
        memory = _MEMORY if os.access(_MEMORY, os.W_OK) else Path(tempfile.gettempdir())
        user = os.getuid() if hasattr(os, "getuid") else 0
        self.folder = (parent or memory) / f"mloss-lab-{user}-{digest_of(str(root.absolute()))[:16]}"
        self._cache = Cache(self.folder, LIMIT)

    def get(self, kind: str, key: str) -> Entry | None:
        """The entry, or None."""
        return self._cache.get(kind, key) if self._is_private() else None

    def has(self, kind: str, key: str) -> bool:
        """Whether an entry is there."""
        return self._is_private() and self._cache.path(kind, key).exists()

    def put(self, kind: str, key: str, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> None:
        """Store an entry.

        Raises:
            CacheError: there is no room either, or the folder is somebody else's.
        """
        with contextlib.suppress(OSError):
            self.folder.mkdir(mode=0o700, exist_ok=True)
        if not self._is_private():
            raise CacheError(f"{self.folder} must be a folder of this user alone. Remove it.")
        self._cache.put(kind, key, meta, arrays)

    def clear(self, kind: str | None = None) -> int:
        """Remove the entries of one kind or all; returns the bytes freed."""
        return self._cache.clear(kind) if self._is_private() else 0

    def _is_private(self) -> bool:
        try:
            found = self.folder.lstat()
        except OSError:
            return False
        own = not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & 0o077)
        return stat.S_ISDIR(found.st_mode) and own
