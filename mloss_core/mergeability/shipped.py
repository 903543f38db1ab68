"""Tables of pairs that come with the package: metrics and measured merges of the embedded zoos. Loads no torch."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mloss_core
from mloss_core.caching import write_atomically
from mloss_core.zoo.embedded import EMBEDDED

if TYPE_CHECKING:
    import pandas

FOLDER = Path(mloss_core.__file__).parent / "mergeability" / "tables"
_BLOCKS = "blocks"


@dataclasses.dataclass(frozen=True)
class ShippedPairs:
    """What was measured of a zoo's pairs when the package was made.

    Args:
        numbers: one row a pair: task_a, task_b, one column a metric, then `acc_<method>`, `normacc_<method>` and so on.
        blocks: one row a pair and block: task_a, task_b, block, one column for each metric that exists by block.
        facts: how it was measured: zoo and digest, split, images by task, recipes, M-Loss options, versions.
    """

    numbers: "pandas.DataFrame"
    blocks: "pandas.DataFrame"
    facts: Mapping[str, Any]


def shipped_pairs(zoo: str) -> ShippedPairs | None:
    """The tables of an embedded zoo, those of its tasks alone where they were measured with more; None without any."""
    import pandas

    row = EMBEDDED.get(zoo)
    if row is None:
        return None
    stems = [other.name for other in EMBEDDED.values() if other.folder == row.folder and other.tasks is None]
    path = FOLDER / f"{stems[0] if stems else zoo}.csv"
    if not path.is_file():
        return None
    facts = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
    tasks = facts["tasks"][: row.tasks]
    frames = [pandas.read_csv(file) for file in (path, FOLDER / _BLOCKS / path.name)]
    numbers, blocks = (frame[frame["task_a"].isin(tasks) & frame["task_b"].isin(tasks)] for frame in frames)
    return ShippedPairs(numbers.reset_index(drop=True), blocks.reset_index(drop=True), {**facts, "tasks": tasks})


def write_pairs(folder: Path, name: str, pairs: ShippedPairs) -> None:
    """Write the tables as `shipped_pairs` reads them; seven digits, which is more than any sampling error leaves."""
    for path, frame in ((folder / f"{name}.csv", pairs.numbers), (folder / _BLOCKS / f"{name}.csv", pairs.blocks)):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, frame.to_csv(index=False, float_format="%.7g").encode())
    write_atomically(folder / f"{name}.json", (json.dumps(pairs.facts, indent=1) + "\n").encode())
