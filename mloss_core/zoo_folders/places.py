"""Where zoos lie. Loads no torch, so that whoever only names a zoo need not."""

import os
from pathlib import Path

ROOT = Path("checkpoints")
"""Folder, below the current one, in which a zoo is also looked for by name."""
_DEPTH = 4
_MOST_FILES = 20_000


def zoo_folder(name: "str | Path") -> Path:
    """The folder that a zoo's name means: the path itself where it exists, else one of that name in `./checkpoints`."""
    path = Path(name)
    if not path.exists() and not path.is_absolute() and (ROOT / path).is_dir():
        return ROOT / path
    return path


def folder_stamp(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of the files of a folder, down to where zoos keep theirs: changes when one of them does.

    Raises:
        OSError: the folder cannot be read.
    """
    found: list[tuple[str, int, int]] = []
    pending = [(folder, "", 0)]
    while pending and len(found) < _MOST_FILES:
        place, prefix, depth = pending.pop()
        with os.scandir(place) as entries:
            for entry in entries:
                name = f"{prefix}{entry.name}"
                if entry.is_file():
                    stat = entry.stat()
                    found.append((name, stat.st_size, stat.st_mtime_ns))
                elif depth < _DEPTH and entry.is_dir() and not entry.name.startswith("."):
                    pending.append((Path(entry.path), f"{name}/", depth + 1))
    return sorted(found)
