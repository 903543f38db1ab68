"""Where zoos lie. Loads no torch, so that whoever only names a zoo need not."""

import itertools
import os
from collections import deque
from pathlib import Path

ROOT = Path("checkpoints")
"""Folder, below the current one, in which a zoo is also looked for by name."""
_DEPTH, _MOST = 4, 4000


def zoo_folder(name: "str | Path") -> Path:
    """The folder that a zoo's name means: the path itself where it exists, else one of that name in `./checkpoints`."""
    path = Path(name)
    if not path.exists() and not path.is_absolute() and (ROOT / path).is_dir():
        return ROOT / path
    return path


def folder_stamp(folder: Path, closely: bool = False) -> list[tuple[str | int, ...]]:
    """Name, size and time of the files of a folder, down to where zoos keep theirs: changes when one of them does.

    Args:
        closely: also the time of their status and their inode, which change even where size and time are made to look
            the same.

    Raises:
        OSError: the folder cannot be read.
    """
    files: list[tuple[str | int, ...]] = []
    # Nearest first, and only so many: images may lie below the same folder.
    pending, seen = deque([(folder, "", 0)]), 0
    while pending and seen < _MOST:
        place, prefix, depth = pending.popleft()
        with os.scandir(place) as entries:
            for entry in itertools.islice(entries, _MOST - seen):
                seen += 1
                name = f"{prefix}{entry.name}"
                if entry.is_file():
                    stat = entry.stat()
                    hidden = (stat.st_ctime_ns, stat.st_ino) if closely else ()
                    files.append((name, stat.st_size, stat.st_mtime_ns, *hidden))
                elif depth < _DEPTH and entry.is_dir() and not entry.name.startswith("."):
                    pending.append((Path(entry.path), f"{name}/", depth + 1))
    return sorted(files)
