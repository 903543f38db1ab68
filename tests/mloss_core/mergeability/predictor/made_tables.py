"""Tables of pairs with a known answer."""

import itertools
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

METHODS = ("weight_avg", "arithmetic", "tsv", "ties", "dare")


def made_table(tasks: int = 8, noise: float = 0.0, seed: int = 0) -> pd.DataFrame:
    """Pairs whose normalised accuracy is 0.9 + 0.05 good - 0.02 bad + noise; `idle` plays no part.

    The accuracy of each task's own model is 0.5 + 0.02 times its number; both tasks keep the same share of it.
    """
    random = np.random.default_rng(seed)
    rows = []
    for a, b in itertools.combinations(range(tasks), 2):
        good, bad, idle = random.uniform(-1, 1, 3)
        kept = 0.9 + 0.05 * good - 0.02 * bad + noise * random.standard_normal()
        own = [0.5 + 0.02 * a, 0.5 + 0.02 * b]
        rows.append(
            {
                "task_a": f"t{a}",
                "task_b": f"t{b}",
                "good": good,
                "bad": bad,
                "idle": idle,
                "acc_ties": kept * (own[0] + own[1]) / 2,
                "normacc_ties": kept,
                "acc_a_ties": kept * own[0],
                "acc_b_ties": kept * own[1],
            }
        )
    return pd.DataFrame(rows)


def reference_file(name: str) -> Path:
    """A file of the reference tables, which are not part of the repository."""
    folder = os.environ.get("MLOSS_REFERENCE_DATA")
    path = Path(folder or ".") / name
    if not folder or not path.is_file():
        pytest.skip("MLOSS_REFERENCE_DATA does not name the folder of reference tables")
    return path
