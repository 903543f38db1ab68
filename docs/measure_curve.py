"""How merges do as models are added: the curve of docs/demo20.md.

    python -m docs.measure_curve [--zoo demo20] [--split test] [--out docs/curve20.json]

The first n tasks are merged, for n from 2 to all, by methods with their default options, and evaluated on the same n.
"""

import argparse
import json
from pathlib import Path

from mloss_core.evaluation import evaluate_rows
from mloss_core.merging.zoo_merge import merge
from mloss_core.opening import open_zoo
from mloss_core.recipe import Recipe

METHODS = ("average", "ties", "tsv_m", "actmat")
COUNTS = (2, 3, 4, 6, 8, 11, 14, 17, 20)


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", default="demo20")
    parser.add_argument("--split", default="test")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "curve20.json")
    chosen = parser.parse_args()
    zoo = open_zoo(chosen.zoo)
    counts = sorted({min(count, len(zoo.tasks)) for count in COUNTS})
    curve = {}
    for count in counts:
        few = zoo.subset(zoo.tasks[:count])
        rows = evaluate_rows(few, [merge(few, Recipe(method=name)) for name in METHODS], chosen.split)
        curve[count] = {row.model: row.numbers() for row in rows}
        print(count, {name: round(100 * value["average"], 1) for name, value in curve[count].items()}, flush=True)
        facts = {"zoo": zoo.name, "digest": zoo.digest, "split": chosen.split, "curve": curve}
        chosen.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
