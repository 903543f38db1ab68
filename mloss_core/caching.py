"""A disk cache of arrays with facts: one safetensors file an entry, named by the digest of what it was computed from.

Two processes may share it: entries are written to a temporary name and renamed, so a reader sees all of an entry or
none, and a writer that is killed leaves none. The least recently used entries go before the size bound is passed.
"""

import contextlib
import dataclasses
import hashlib
import itertools
import json
import logging
import os
import re
import zlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from mloss_core.errors import CacheError, InvalidOptionError
from mloss_core.leftovers import abandoned, temporaries, write_atomically

CODE_VERSION = "4"
"""Raise when a change of code changes what cached entries would hold."""
DEFAULT_LIMIT = 8 * 2**30
CONVERTED = "converted"
"""Kind of the weights that `mloss_core.checkpoints.converting` keeps below the same folder; they have another bound."""
DIGESTS = "digests"
FEATURES = "features"
IMAGES = "images"
JOB_RESULTS = "jobs-results"
LISTINGS = "listings"
MERGED = "merged"
MODEL_FACTS = "model-facts"
REPORTS = "mloss"
PAIRS = "pairs"
SOURCES = "sources"
SPECTRA = "spectra"
STATISTICS = "statistics"
THUMBNAILS = "thumbnails"
ZOO_CHECKS = "zoo-checks"
KINDS = (
    CONVERTED,
    DIGESTS,
    FEATURES,
    IMAGES,
    JOB_RESULTS,
    LISTINGS,
    MERGED,
    MODEL_FACTS,
    REPORTS,
    PAIRS,
    SOURCES,
    SPECTRA,
    STATISTICS,
    THUMBNAILS,
    ZOO_CHECKS,
)
"""What the library keeps in the cache. Whoever keeps something new names it here."""
_SUFFIX = ".safetensors"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_LOG = logging.getLogger(__name__)

_written: dict[tuple[Path, int], int] = {}
"""Bytes that this process wrote below a folder since it last measured the folder: measuring at each write is slow."""
_warned: set[Path] = set()


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
    """`$MLOSS_CACHE`, else the checkout's `cache/` folder; an installed library takes the user's cache folder."""
    named = os.environ.get("MLOSS_CACHE")
    if named:
        return Path(named)
    beside = Path(__file__).resolve().parent.parent / "cache"
    if (beside / "README.md").is_file():
        return beside
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mloss-lab"


def cache_limit() -> int:
    """Size bound in bytes: `$MLOSS_CACHE_BYTES`, else 8 GiB.

    Raises:
        InvalidOptionError: the variable is no whole number of at least 1.
    """
    text = os.environ.get("MLOSS_CACHE_BYTES") or str(DEFAULT_LIMIT)
    if not text.isdecimal() or int(text) < 1:
        raise InvalidOptionError(f"MLOSS_CACHE_BYTES must be a whole number of bytes, at least 1; found {text!r}.")
    return int(text)


class Cache:
    """Entries of several kinds below one folder. Making one costs nothing; all of a process share their bookkeeping.

    Args:
        root: the folder; made when first written to.
        limit: size in bytes that one writing process keeps the entries under. The newest entry stays even if it alone
            is larger; converted weights neither count nor go.
    """

    def __init__(self, root: Path | None = None, limit: int | None = None) -> None:
        self.root = Path(root) if root is not None else cache_root()
        self.limit = limit if limit is not None else cache_limit()

    def path(self, kind: str, key: str) -> Path:
        """The file of one entry; `kind` names a folder, `key` is a digest.

        Raises:
            InvalidOptionError: a kind or key that is no plain file name.
        """
        return self.root / _checked("kind", kind) / f"{_checked('key', key)}-{CODE_VERSION}{_SUFFIX}"

    def get(self, kind: str, key: str) -> Entry | None:
        """The entry, or None when there is none or it is damaged (a damaged file is removed)."""
        from safetensors import SafetensorError, safe_open

        path = self.path(kind, key)
        try:
            with safe_open(path, framework="np") as file:
                arrays = {name: file.get_tensor(name) for name in file.keys()}
                facts = file.metadata() or {}
            if facts["checksum"] != _checksum(facts["meta"], arrays):
                raise ValueError("the content is not what was written")
            entry = Entry(json.loads(facts["meta"]), arrays)
        except OSError:
            return None
        except (SafetensorError, KeyError, ValueError):
            with contextlib.suppress(OSError):
                path.unlink()
            return None
        with contextlib.suppress(OSError):
            os.utime(path)
        return entry

    def put(self, kind: str, key: str, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Entry:
        """Store an entry atomically and return it as `get` will.

        Raises:
            CacheError: the folder cannot be written (full disk, read-only); nothing is left of the entry.
        """
        return self._store(kind, key, _packed(meta, arrays))

    def remember(
        self, kind: str, key: str, compute: Callable[[], tuple[Mapping[str, Any], Mapping[str, np.ndarray]]]
    ) -> Entry:
        """The entry, computed and stored when there is none.

        A cache that cannot be written costs time, never the result: the first time, a warning is logged.
        """
        found = self.get(kind, key)
        if found is not None:
            return found
        entry = _packed(*compute())
        try:
            return self._store(kind, key, entry)
        except CacheError as error:
            if self.root not in _warned:
                _warned.add(self.root)
                _LOG.warning("results are not kept: %s", error)
            return entry

    def files(self, kind: str | None = None) -> Iterator[Path]:
        """The entry files, of one kind or all. Other files below the folder (job records) are not the cache's."""
        folder = "*" if kind is None else _checked("kind", kind)
        yield from sorted(self.root.glob(f"{folder}/*{_SUFFIX}"))

    def sizes(self) -> dict[str, int]:
        """Bytes by kind, with what writers have begun or left."""
        totals: dict[str, int] = {}
        begun = (path for folder in self._folders() for path in temporaries(folder))
        for path in itertools.chain(self.files(), begun):
            with contextlib.suppress(FileNotFoundError):
                totals[path.parent.name] = totals.get(path.parent.name, 0) + path.stat().st_size
        return totals

    def clear(self, kind: str | None = None) -> int:
        """Remove the entries of one kind or all, and what killed writers left; returns the bytes freed.

        Raises:
            CacheError: an entry cannot be removed.
        """
        freed = 0
        for path in [*self.files(kind), *self._abandoned(kind)]:
            try:
                size = path.stat().st_size
                path.unlink()
                freed += size
            except FileNotFoundError:
                continue
            except OSError as error:
                raise CacheError(f"cannot remove {path}: {error.strerror}. Make the folder writable.") from error
        return freed

    def sweep(self) -> None:
        """Remove the temporary files that killed writers left."""
        for path in self._abandoned():
            with contextlib.suppress(OSError):
                path.unlink()

    def _store(self, kind: str, key: str, entry: Entry) -> Entry:
        from safetensors.numpy import save

        text = json.dumps(entry.meta)
        facts = {"meta": text, "checksum": _checksum(text, entry.arrays)}
        path, data = self.path(kind, key), save(dict(entry.arrays), metadata=facts)
        write_atomically(path, data)
        self._bound(path, len(data))
        return entry

    def _bound(self, path: Path, size: int) -> None:
        """Trim at the first write of a process and then once in a twentieth of the limit, to a twentieth below it."""
        slack, account = self.limit // 20, (self.root.absolute(), self.limit)
        if account in _written and _written[account] + size <= slack:
            _written[account] += size
            return
        _written[account] = 0
        self._trim(self.limit - slack, keep=path)

    def _trim(self, limit: int, keep: Path) -> None:
        stats = []
        for path in self.files():
            if path.parent.name == CONVERTED:
                continue
            with contextlib.suppress(FileNotFoundError):
                stat = path.stat()
                stats.append((stat.st_mtime_ns, stat.st_size, path))
        total = sum(size for _, size, _ in stats)
        for _, size, path in sorted(stats):
            if total <= limit:
                break
            if path != keep:
                with contextlib.suppress(OSError):
                    path.unlink()
                total -= size
        self.sweep()

    def _abandoned(self, kind: str | None = None) -> list[Path]:
        return [path for folder in self._folders(kind) for path in abandoned(folder)]

    def _folders(self, kind: str | None = None) -> list[Path]:
        return [path for path in self.root.glob(kind or "*") if path.is_dir()]


def _checked(what: str, name: str) -> str:
    if not _NAME.fullmatch(name):
        raise InvalidOptionError(f"a {what} of cache entries is letters, digits, '_', '-' and '.'; found {name!r}.")
    return name


def _packed(meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Entry:
    """An entry as it comes back from disk: facts after a JSON round trip, arrays contiguous (scalars stay scalars)."""
    return Entry(
        json.loads(json.dumps(dict(meta))), {name: np.asarray(array, order="C") for name, array in arrays.items()}
    )


def _checksum(meta: str, arrays: Mapping[str, np.ndarray]) -> str:
    """CRC-32 over facts and arrays: safetensors notices a short file, not a flipped bit."""
    checksum = zlib.crc32(meta.encode())
    for name in sorted(arrays):
        checksum = zlib.crc32(arrays[name].reshape(-1).view(np.uint8).data, zlib.crc32(name.encode(), checksum))
    return f"{checksum:08x}"
