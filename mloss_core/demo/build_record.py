"""Which stages of a build are done, so that a build that was stopped goes on there."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mloss_core.checkpoints.lazy import file_digest
from mloss_core.leftovers import write_atomically

RECORD_NAME = "building.json"


class BuildRecord:
    """The finished stages of a folder by name, each with what it followed from and the files that it wrote.

    Args:
        folder: where the zoo is built.
    """

    def __init__(self, folder: Path) -> None:
        self._folder, self._path = folder, folder / RECORD_NAME
        try:
            self._stages: dict[str, Any] = json.loads(self._path.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            self._stages = {}

    def done(self, stage: str, facts: Mapping[str, Any]) -> dict[str, Any] | None:
        """What a stage found, if it followed from the same facts and its files are whole; else None."""
        entry = self._stages.get(stage)
        if entry is None or entry["facts"] != json.loads(json.dumps(facts)):
            return None
        whole = all(self._digest(name) == digest for name, digest in entry["files"].items())
        return entry["found"] if whole else None

    def finish(
        self, stage: str, facts: Mapping[str, Any], files: Sequence[str], found: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Note that a stage is done; returns what it found."""
        digests = {name: self._digest(name) for name in files}
        self._stages[stage] = json.loads(json.dumps({"facts": facts, "files": digests, "found": found}))
        write_atomically(self._path, (json.dumps(self._stages, indent=1) + "\n").encode())
        return dict(found)

    def remove(self) -> None:
        """Forget the stages: the zoo is whole."""
        self._path.unlink(missing_ok=True)

    def _digest(self, name: str) -> str:
        path = self._folder / name
        return file_digest(path) if path.is_file() else ""
