"""What many files hold, as one digest that follows every change and is the same for a copy elsewhere."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from mloss_core.caching import LISTINGS, Cache, digest_of
from mloss_core.data.foreign_files import file_stamp, reading

MOST_READ = 4 * 2**30
"""Bytes above which files are known by their stamps: reading all of a large dataset to name it takes minutes."""
_PIECE = 2**22


def content_digest(files: Sequence[Path], cache: Cache | None = None) -> str:
    """SHA-256 over the content of files in order, read once and remembered by their stamps.

    Sets of more than `MOST_READ` bytes are known by size, times and inode of each file instead: no change escapes
    that either, but a copy of them counts as another dataset.

    Raises:
        DatasetError: a file that is not there or cannot be read.
    """
    stamps = [file_stamp(path) for path in files]
    listed = hashlib.sha256()
    for path, stamp in zip(files, stamps, strict=True):
        listed.update(f"{path.absolute()}\t{stamp}\n".encode(errors="surrogateescape"))
    if sum(size for size, *_ in stamps) > MOST_READ:
        return digest_of("stamps", stamps)
    entry = (cache or Cache()).remember(LISTINGS, listed.hexdigest(), lambda: ({"sha256": _content(files)}, {}))
    return str(entry.meta["sha256"])


def _content(files: Sequence[Path]) -> str:
    whole = hashlib.sha256()
    for path in files:
        one = hashlib.sha256()
        with reading(path, "be a file that can be read"), path.open("rb") as file:
            while piece := file.read(_PIECE):
                one.update(piece)
        whole.update(one.digest())
    return whole.hexdigest()
