"""What makes a zoo another one: what it says of itself, and its files and those of its datasets. Loads no torch."""

import contextlib
import hashlib
import os
import time
from pathlib import Path

from mloss_core.caching import digest_of
from mloss_core.errors import MLossCoreError
from mloss_core.zoo.embedded import EMBEDDED
from mloss_core.zoo.folders.description import datasets_folder
from mloss_core.zoo.locating import folder_stamp, zoo_folder

FRESH_SECONDS = 1.0
"""So long what was seen of a folder of datasets counts: it may hold thousands of images, and a page asks many times."""
_DESCRIPTIONS = ("manifest.json", "zoo.json", "zoo.yaml")
_seen: dict[Path, tuple[float, str]] = {}


def zoo_identity(name: str) -> str:
    """Digest of what a zoo says of itself and of name, size and time of its files: a change makes a new request.

    Files of its folder of datasets count too, as far as `folder_stamp` goes: of very many, the nearest ones. A folder
    that cannot be read has an identity too; opening it then says what is wrong.
    """
    embedded = EMBEDDED.get(name)
    folder = embedded.folder if embedded else zoo_folder(name)
    try:
        files = folder_stamp(folder, closely=embedded is None)
        described = [path for path in map(folder.joinpath, _DESCRIPTIONS) if path.is_file()]
        digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in described]
    except OSError as error:
        return digest_of(str(folder), type(error).__name__)
    if embedded is None:
        return digest_of(str(folder), digests, files, os.environ.get("MLOSS_DATA"), _datasets(folder))
    first = () if embedded.tasks is None else (embedded.tasks,)
    return digest_of(str(folder), digests, files, None, *first)


def _datasets(folder: Path) -> str:
    """Digest of the datasets of a zoo's folder; empty where there are none or they cannot be read."""
    with contextlib.suppress(OSError, MLossCoreError):
        root = datasets_folder(folder)
        return "" if root is None else _stamped(root)
    return ""


def _stamped(root: Path) -> str:
    when, digest = _seen.get(root, (-FRESH_SECONDS, ""))
    now = time.monotonic()
    if now - when >= FRESH_SECONDS:
        digest = digest_of(folder_stamp(root, closely=True))
        _seen.clear()
        _seen[root] = (now, digest)
    return digest
