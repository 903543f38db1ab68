"""Do predictions from pairs hold for larger sets? Five-task merges of docs/mergeability.md, measured.

    python -m docs.measure_sets [--zoo demo20] [--size 5] [--count 40]

Writes docs/sets20.json: for each set what pairs promise (M-Loss, a predictor, measured pairs) and what its merge does.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from mloss_core.errors import ZooError
from mloss_core.mergeability.metrics.registry import PUBLISHED
from mloss_core.mergeability.pair_names import QUALITY
from mloss_core.mergeability.predictor import cross_validate
from mloss_core.mergeability.predictor.scores import pearson, set_mean
from mloss_core.mergeability.set_merges import drawn_sets, set_accuracies
from mloss_core.mergeability.shipped import shipped_pairs
from mloss_core.opening import open_zoo

METHODS = ("average", "tsv_m")


def main() -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", default="demo20")
    parser.add_argument("--size", type=int, default=5)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "sets20.json")
    chosen = parser.parse_args()
    zoo, pairs = open_zoo(chosen.zoo), shipped_pairs(chosen.zoo)
    if pairs is None:
        raise ZooError(f"there is no table of pairs of {chosen.zoo}; python -m docs.measure_pairs makes one.")
    sets = drawn_sets(zoo.tasks, chosen.size, chosen.count)
    frame = set_accuracies(zoo, sets, METHODS, pairs.facts["split"])
    facts = {"zoo": zoo.name, "size": chosen.size, "count": len(sets), "split": pairs.facts["split"], "methods": {}}
    for method in METHODS:
        measured, promises = frame[f"{QUALITY}{method}"].to_numpy(), _promises(zoo.tasks, pairs.numbers, sets, method)
        facts["methods"][method] = {
            "measured": {"mean": float(measured.mean()), "low": float(measured.min()), "high": float(measured.max())},
            "r": {name: pearson(values, measured) for name, values in promises.items()},
            "optimism": float(np.mean(promises["measured pairs"] - measured)),
        }
    chosen.out.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(facts, indent=1))


def _promises(tasks, numbers, sets, method: str) -> dict[str, np.ndarray]:  # type: ignore[no-untyped-def]
    """What the mean over a set's pairs says: by M-Loss, by predictions of left-out folds, by measured pairs."""
    target = f"{QUALITY}{method}"
    guesses = cross_validate(numbers, list(PUBLISHED), target, rows="own").predictions()
    means = guesses.groupby(["task_a", "task_b"])["predicted"].mean().reset_index()
    frames = {"M-Loss": (numbers, "mloss"), "prediction": (means, "predicted"), "measured pairs": (numbers, target)}
    found = {}
    for name, (frame, column) in frames.items():
        matrix = np.full((len(tasks), len(tasks)), np.nan)
        for row in frame[["task_a", "task_b", column]].itertuples(index=False, name=None):
            a, b = tasks.index(row[0]), tasks.index(row[1])
            matrix[a, b] = matrix[b, a] = row[2]
        found[name] = np.array([set_mean(matrix, [tasks.index(task) for task in members]) for members in sets])
    return found


if __name__ == "__main__":
    main()
