"""The zoos that come with this package and have a name of their own. Loads no torch."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mloss_core
from mloss_core.errors import ZooError

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
_ROWS = (
    EmbeddedZoo(DEFAULT_ZOO, "Demo zoo", _DEMO / "weights"),
    EmbeddedZoo("demo14", "Demo zoo, 14 tasks", _DEMO / "weights20", 14),
    EmbeddedZoo("demo20", "Demo zoo, 20 tasks", _DEMO / "weights20"),
)
EMBEDDED = {zoo.name: zoo for zoo in _ROWS}
"""By name. Rows may share a folder."""
ZOO_HELP = f"{', '.join(EMBEDDED)}, or a folder (default: {DEFAULT_ZOO})"
"""What the command line says of its zoo."""
_MADE = ("format", "name", "seed", "scale", "architecture", "sizes", "recipe", "versions")
"""What a manifest says of how a zoo was made; the rest was measured on all of its tasks together."""


def first_of_manifest(manifest: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The manifest of the same zoo with its first tasks alone.

    Of the measured figures it has those that the manifest keeps for that many tasks, if any.

    Raises:
        ZooError: it has fewer tasks.
    """
    tasks = dict(list(manifest["tasks"].items())[:count])
    if len(tasks) != count:
        raise ZooError(f"a zoo of the first {count} tasks needs a manifest with as many; found {len(tasks)}.")
    if len(tasks) == len(manifest["tasks"]):
        return dict(manifest)
    others = {f"{task}.safetensors" for task in manifest["tasks"] if task not in tasks}
    files = {name: facts for name, facts in manifest["files"].items() if name not in others}
    made = {name: manifest[name] for name in _MADE if name in manifest}
    found = {**_first_of_curve(manifest, count), **manifest.get("nested", {}).get(str(count), {})}
    return {**made, "tasks": tasks, "files": files, **found}


def _first_of_curve(manifest: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The curve up to so many models: its tasks are added in the manifest's order, so the beginning is the same."""
    if "curve" not in manifest:
        return {}
    rows = {models: row for models, row in manifest["curve"]["rows"].items() if int(models) <= count}
    return {"curve": {**manifest["curve"], "rows": rows}}
