"""Files that look like models or heads and are not read: each is named, and why. By names alone."""

import contextlib
import itertools
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path

from mloss_core.checkpoints.formats import INDEX_SUFFIX, REPOSITORY_FILES
from mloss_core.zoo.folders.weight_files import (
    folders,
    is_head,
    is_other_format,
    is_repository,
    is_shard,
    repository_weights,
    why_not_read,
)

_MOST_ENTRIES, _DEPTH = 4000, 3
_LISTED = 8


def overlooked(folder: Path, used: Iterable[Path], elsewhere: str, data: Path | None = None) -> list[str]:
    """A note on every file that looks like weights and is not used, those of one reason together.

    Args:
        folder: of the zoo; its own files and those of the folders in it are looked at, three folders deep.
        used: files that are read, or that were spoken of already.
        elsewhere: why a whole weight file at a place where none is expected is not read.
        data: folder of datasets, whose files are no models.
    """
    known = set(used)
    reasons: dict[str, list[str]] = {}
    for path in itertools.islice(_files(folder, known, data), _MOST_ENTRIES):
        reason = _reason(path, known, elsewhere)
        if reason:
            reasons.setdefault(reason, []).append(_below(path, folder))
    for child in folders(folder):
        if is_repository(child) and (child / "snapshots").is_dir() and repository_weights(child) is None:
            reasons.setdefault(_without_weights(child), []).append(f"{child.name}/")
    return [f"not read, {reason}: {listing(names)}." for reason, names in reasons.items()]


def listing(names: Iterable[str]) -> str:
    """The first names of a list, and how many more there are."""
    listed = list(names)
    rest = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return ", ".join(listed[:_LISTED]) + rest


def _files(folder: Path, used: set[Path], data: Path | None) -> Iterator[Path]:
    """The files at the top and in the folders below, nearest first; of cached repositories those of what is read."""
    read = {path.parent for path in used}
    pending = deque([(folder, 0)])
    while pending:
        place, depth = pending.popleft()
        if depth and data is not None and _same(place, data):
            continue
        yield from _plain_files(place)
        if depth == _DEPTH:
            continue
        if depth and (place / "snapshots").is_dir():
            for snapshot in folders(place / "snapshots"):
                yield from _plain_files(snapshot) if snapshot in read else ()
            continue
        with contextlib.suppress(OSError):
            pending.extend((child, depth + 1) for child in folders(place))


def _same(place: Path, other: Path) -> bool:
    try:
        return place.samefile(other)
    except OSError:
        return False


def _plain_files(folder: Path) -> list[Path]:
    try:
        return sorted(path for path in folder.iterdir() if not path.is_dir())
    except OSError:
        return []


def _reason(path: Path, used: set[Path], elsewhere: str) -> str | None:
    """Why it is not read; None for what is used, and for what every repository keeps beside the file that is."""
    if path in used:
        return None
    reason = why_not_read(path)
    if reason is None:
        return None
    siblings = [other for other in used if other.parent == path.parent]
    if is_shard(path) and any(other.name.endswith(INDEX_SUFFIX) for other in siblings):
        return None
    chosen = next((other for other in siblings if other.name in REPOSITORY_FILES), None)
    whole = path.is_file() and (path.name in REPOSITORY_FILES or is_other_format(path) or is_shard(path))
    if chosen is not None and whole:
        return None
    if not reason and is_head(path):
        return "a head is looked for beside the models or in heads/"
    return reason or elsewhere


def _without_weights(repository: Path) -> str:
    blobs = repository / "blobs"
    unfinished = blobs.is_dir() and any(path.name.endswith(".incomplete") for path in blobs.iterdir())
    return "a download that is not complete" if unfinished else "a repository without weights that are read"


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
