"""The zoos that come with this package and have a name of their own. Loads no torch."""

import dataclasses
from pathlib import Path

import mloss_core

_DEMO = Path(mloss_core.__file__).parent / "demo"


@dataclasses.dataclass(frozen=True)
class EmbeddedZoo:
    """A zoo made by `demo build`.

    Args:
        name: how requests, links and the command line call it.
        title: for people.
        folder: its manifest and weights.
        tasks: how many of the manifest's tasks it holds, from the first on; None for all of them.
    """

    name: str
    title: str
    folder: Path
    tasks: int | None = None


DEFAULT_ZOO = "demo"
"""The zoo that is open where none is named."""
EMBEDDED = {zoo.name: zoo for zoo in (EmbeddedZoo(DEFAULT_ZOO, "Demo zoo", _DEMO / "weights"),)}
"""By name. Rows may share a folder."""
ZOO_HELP = f"{', '.join(EMBEDDED)}, or a folder (default: {DEFAULT_ZOO})"
"""What the command line says of its zoo."""
