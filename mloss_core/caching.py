"""A disk cache of arrays with facts: one safetensors file an entry, named by the digest of what it was computed from.

Two processes may share it: entries are written to a temporary name and renamed, readers see all of an entry or none.
The least recently used entries go when the size bound is passed.
"""

import contextlib
import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mloss_core.errors import CacheError

CODE_VERSION = "1"
"""Raise when a change of code changes what cached entries would hold."""
DEFAULT_LIMIT = 8 * 2**30
_SUFFIX = ".safetensors"


@dataclasses.dataclass(frozen=True)
class Entry:
    """What the cache holds under one key: facts (JSON) and arrays by name."""

    meta: Mapping[str, Any]
    arrays: Mapping[str, np.ndarray]


def digest_of(*parts: Any) -> str:
    """SHA-256 over the canonical JSON of `parts`, which must be plain values. Keys caches and names requests."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def cache_root() -> Path:
    """`$MLOSS_CACHE`, else the `cache/` folder beside the code."""
    return Path(os.environ.get("MLOSS_CACHE") or Path(__file__).resolve().parent.parent / "cache")


class Cache:
    """Entries of several kinds below one folder.

    Args:
        root: the folder; made when first written to.
        limit: size in bytes that a write trims the folder to.
    """

    def __init__(self, root: Path | None = None, limit: int | None = None) -> None:
        self.root = Path(root) if root is not None else cache_root()
        self.limit = limit if limit is not None else int(os.environ.get("MLOSS_CACHE_BYTES", DEFAULT_LIMIT))

    def path(self, kind: str, key: str) -> Path:
        """The file of one entry; `kind` names a folder, `key` is a digest."""
        return self.root / kind / f"{key}-{CODE_VERSION}{_SUFFIX}"

    def get(self, kind: str, key: str) -> Entry | None:
        """The entry, or None when there is none or it is damaged (a damaged file is removed)."""
        from safetensors import SafetensorError, safe_open

        path = self.path(kind, key)
        try:
            with safe_open(path, framework="np") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
                meta = json.loads((file.metadata() or {})["meta"])
        except FileNotFoundError:
            return None
        except (SafetensorError, KeyError, ValueError, OSError):
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return Entry(meta, arrays)

    def put(self, kind: str, key: str, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Entry:
        """Store an entry atomically and return it.

        Raises:
            CacheError: the folder cannot be written (full disk, read-only).
        """
        from safetensors.numpy import save

        packed = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        data = save(packed, metadata={"meta": json.dumps(meta)})
        write_atomically(self.path(kind, key), data)
        self._trim()
        return Entry(dict(meta), packed)

    def files(self, kind: str | None = None) -> Iterator[Path]:
        """The entry files, of one kind or all."""
        yield from sorted(self.root.glob(f"{kind or '*'}/*{_SUFFIX}"))

    def sizes(self) -> dict[str, int]:
        """Bytes by kind."""
        totals: dict[str, int] = {}
        for path in self.files():
            with contextlib.suppress(FileNotFoundError):
                totals[path.parent.name] = totals.get(path.parent.name, 0) + path.stat().st_size
        return totals

    def clear(self, kind: str | None = None) -> int:
        """Remove the entries of one kind or all; returns the bytes freed."""
        freed = 0
        for path in list(self.files(kind)):
            with contextlib.suppress(FileNotFoundError):
                size = path.stat().st_size
                path.unlink()
                freed += size
        return freed

    def _trim(self) -> None:
        stats = []
        for path in self.files():
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                stats.append((stat.st_mtime, stat.st_size, path))
        total = sum(size for _, size, _ in stats)
        for _, size, path in sorted(stats):
            if total <= self.limit:
                return
            with contextlib.suppress(FileNotFoundError):
                path.unlink()
            total -= size


def write_atomically(path: Path, data: bytes) -> None:
    """Write `data` to a temporary file beside `path`, flush it, and rename it into place.

    Raises:
        CacheError: nothing was written; the message says where and why.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".writing-")
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
        raise CacheError(
            f"cannot write {path}: {error.strerror or error}. Free some space or make the folder writable; "
            "MLOSS_CACHE names another cache folder."
        ) from error
