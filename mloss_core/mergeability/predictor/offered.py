"""Tables of pairs that need no upload: those that come with the package, and the reference's where it lies."""

import dataclasses
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mloss_core.mergeability.shipped import FOLDER
from mloss_core.zoo.embedded import EMBEDDED

VARIABLE = "MLOSS_REFERENCE_DATA"
"""Names the folder of the reference's tables, which are no part of this package."""
_REFERENCE = "mergeability_"


@dataclasses.dataclass(frozen=True)
class OfferedTable:
    """A table that can be opened.

    Args:
        name: of the file, without its ending: an embedded zoo's, or the reference's.
        title: for people.
        path: of the CSV file.
        reference: whether others measured it.
        card: of the zoo, where that does not come with the package; see `mloss_core.evaluation.cards`.
    """

    name: str
    title: str
    path: Path
    reference: bool
    card: Mapping[str, Any] = dataclasses.field(default_factory=dict)


def offered_tables() -> list[OfferedTable]:
    """The package's tables in the order of its zoos, then the reference's."""
    order = {name: place for place, name in enumerate(EMBEDDED)}
    ours = sorted(_files(FOLDER, ""), key=lambda path: (order.get(path.stem, len(order)), path.stem))
    found = [_ours(path) for path in ours]
    folder = os.environ.get(VARIABLE)
    theirs = _files(Path(folder), _REFERENCE) if folder else []
    return found + [OfferedTable(path.stem, _reference_title(path.stem), path, True) for path in theirs]


def table_of(zoo: str) -> str:
    """Name of the table that holds a zoo's pairs: its own, or that of the larger zoo whose first tasks it has."""
    row = EMBEDDED.get(zoo)
    if row is None or row.tasks is None:
        return zoo
    return next((other.name for other in EMBEDDED.values() if other.folder == row.folder and other.tasks is None), zoo)


def _files(folder: Path, start: str) -> list[Path]:
    try:
        return sorted(path for path in folder.glob(f"{start}*.csv") if path.is_file())
    except OSError:
        return []


def _ours(path: Path) -> OfferedTable:
    """A table under the title in its facts, else the zoo's, else the file's name."""
    try:
        facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        facts = {}
    facts = facts if isinstance(facts, dict) else {}
    known = EMBEDDED[path.stem].title if path.stem in EMBEDDED else path.stem
    return OfferedTable(path.stem, str(facts.get("title") or known), path, False, facts.get("card") or {})


def _reference_title(name: str) -> str:
    return f"Zhou et al., {name.removeprefix(_REFERENCE).replace('_', ' ')}"
