"""Every merging method on a zoo, as the Markdown table of docs/demo_zoo.md.

    python -m benchmarks.methods_table [--zoo demo] [--methods ties,iso_c]

Options are the defaults. What a method leaves open (its scale, or the thresholds of TALL masks) is chosen on validation
images; the test split is seen once, at the end. Each method runs in a process of its own: seconds are those of opening
the zoo, measuring what the method needs and merging, on one thread; memory is the peak above the start. Sampling and
random masks have seed 0.
"""

import argparse
import dataclasses
import os
import tempfile
from typing import Any

from benchmarks.measuring import measured
from mloss_core import Recipe, merge, open_zoo
from mloss_core.errors import InvalidOptionError
from mloss_core.evaluation import check_tunable, evaluate_weights, tune
from mloss_core.merging import METHODS

VARIANTS: dict[str, tuple[dict[str, Any], ...]] = {
    "ties": ({}, {"keep_rate": 0.8}),
    "wudi": ({}, {"solver": "least_squares"}),
}
"""Options beside the defaults that deserve a row of their own."""
COLUMNS = ("method", "chosen on val", "val", "test", "normalised", "worst task", "merge, s", "memory, MB")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """One row; accuracies are fractions."""

    name: str
    kind: str
    chosen: str
    val: float
    test: float
    error: float
    normalised: float
    worst: float
    seconds: float


def once(zoo_name: str, method: str, options: dict[str, Any]) -> None:
    """The merge alone, for its memory."""
    merge(open_zoo(zoo_name, "cpu"), Recipe(method=method, options=options))


def outcome(zoo_name: str, method: str, options: dict[str, Any]) -> Outcome:
    """Choose on validation images, evaluate once on test images."""
    zoo, recipe = open_zoo(zoo_name, "cpu"), Recipe(method=method, options=options)
    try:
        check_tunable(recipe)
        search = tune(zoo, recipe)
        result, chosen = search.result, _chosen(search)
    except InvalidOptionError:
        result, chosen = merge(zoo, recipe), ""
    val = evaluate_weights(zoo, result, split="val").average
    row = evaluate_weights(zoo, result, split="test")
    return Outcome(
        result.name, row.kind, chosen, val, row.average, row.standard_error, row.normalised, row.worst, result.seconds
    )


def _chosen(search: Any) -> str:
    scale = getattr(search, "scale", None)
    return f"λ {scale:g}" if scale is not None else "a threshold for each task"


def line(cells: Any) -> str:
    """A row of Markdown."""
    return f"| {' | '.join(map(str, cells))} |"


def main() -> None:
    """Run all methods and print the table, single models first, the best on top."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", default="demo")
    parser.add_argument("--methods", help="some of them, with commas between (default: all)")
    options = parser.parse_args()
    names = options.methods.split(",") if options.methods else list(METHODS)
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        os.environ["MLOSS_CACHE"] = cache
        for name in names:
            for extra in VARIANTS.get(name, ({},)):
                memory = measured(once, options.zoo, name, extra)
                found = measured(outcome, options.zoo, name, extra).result
                # The first run measured images that the second one found in the cache.
                rows.append((dataclasses.replace(found, seconds=memory.seconds), memory.above))
                print(found.name, f"{100 * found.test:.1f}", f"{memory.seconds:.1f} s", flush=True)
    rows.sort(key=lambda row: (row[0].kind == "per_task", -row[0].test))
    print(line(COLUMNS))
    print(line("---" for _ in COLUMNS))
    for found, memory in rows:
        print(
            line(
                (
                    found.name,
                    found.chosen,
                    f"{100 * found.val:.1f}",
                    f"{100 * found.test:.1f} ± {100 * found.error:.1f}",
                    f"{100 * found.normalised:.1f}",
                    f"{100 * found.worst:.1f}",
                    f"{found.seconds:.1f}",
                    f"{memory / 1e6:.0f}",
                )
            )
        )


if __name__ == "__main__":
    main()
