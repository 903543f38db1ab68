"""How long a cross-validated predictor takes: 20 folds of five targets, as the reference's experiments have them.

    python -m benchmarks.bench_predictor [TABLE.csv]

Without a table: 190 random pairs of 20 tasks with 28 metrics. Processor time, which is what a
free core takes; the aim is 0.5 s for Lasso.
"""

import argparse
import itertools
import json
import time

import numpy as np
import pandas as pd

from mloss_core.mergeability.metrics import PUBLISHED
from mloss_core.mergeability.predictor import SOLVERS, cross_validate, read_table
from mloss_core.mergeability.predictor.columns import REFERENCE_METHODS
from mloss_core.mergeability.predictor.tables import PairTable, check_table


def random_table(tasks: int = 20, seed: int = 0) -> PairTable:
    """Pairs with random metrics, and accuracies that depend on some of them."""
    random = np.random.default_rng(seed)
    pairs = list(itertools.combinations([f"task{number}" for number in range(tasks)], 2))
    frame = pd.DataFrame(pairs, columns=["task_a", "task_b"])
    values = random.standard_normal((len(pairs), len(PUBLISHED)))
    frame[list(PUBLISHED)] = values
    for method in REFERENCE_METHODS:
        weights = random.standard_normal(len(PUBLISHED)) * (random.random(len(PUBLISHED)) < 0.3)
        frame[f"acc_{method}"] = 0.8 + 0.02 * (values @ weights) + 0.02 * random.standard_normal(len(pairs))
    return check_table(frame)


def seconds(table: PairTable, solver: str, repeats: int) -> float:
    """Least processor time for all folds of all five targets, baselines and scores among them."""
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        for method in REFERENCE_METHODS:
            cross_validate(table, None, f"acc_{method}", "loto", solver)
        best = min(best, time.process_time() - start)
    return best


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "table", nargs="?", help="pairs with acc_weight_avg, acc_arithmetic, acc_tsv, acc_ties, acc_dare"
    )
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    table = random_table() if options.table is None else read_table(options.table)
    cross_validate(table, None, f"acc_{REFERENCE_METHODS[0]}")  # imports scikit-learn
    found = {
        name: seconds(table, name, options.repeats if name in ("lasso", "ridge", "ols") else 1) for name in SOLVERS
    }
    print(json.dumps({"folds": 20, "targets": 5, "seconds": {name: round(value, 3) for name, value in found.items()}}))


if __name__ == "__main__":
    main()
