"""Finding a dataset's files below its folder, where the usual downloads and libraries put them."""

import re
from collections.abc import Sequence
from pathlib import Path

from mloss_core.errors import DatasetError

_MARKS = re.compile(r"[-_\s]+")
_ENDINGS = ("", "splits", "val", "binary")


def folders_of(root: Path, names: Sequence[str]) -> list[Path]:
    """The folders below `root` that go by one of the names, in any case, with or without `-`, `_` and `_splits`."""
    return [path for path in sorted(root.iterdir()) if path.is_dir() and named(path.name, names)]


def named(word: str, names: Sequence[str]) -> bool:
    """Whether a word is one of the names, in any case, with or without `-`, `_` and an ending such as `_splits`."""
    return _MARKS.sub("", word).lower() in {f"{name}{ending}" for name in names for ending in _ENDINGS}


def first_of(folder: Path, patterns: Sequence[str]) -> Path | None:
    """The first file or folder that fits one of the patterns, which are tried in order."""
    for pattern in patterns:
        found = sorted(folder.glob(pattern))
        if found:
            return found[0]
    return None


def need(folder: Path, patterns: Sequence[str]) -> Path:
    """Like `first_of`, for what the dataset cannot do without.

    Raises:
        DatasetError: nothing fits.
    """
    found = first_of(folder, patterns)
    if found is None:
        words = " or ".join(dict.fromkeys(pattern.removesuffix(".gz") for pattern in patterns[:2]))
        raise DatasetError(f"{folder} must hold {words}; it does not. Nothing is downloaded: put the dataset there.")
    return found
