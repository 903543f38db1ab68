"""Does M-Loss foretell which pairs merge well? The figures of docs/mergeability.md, from the tables that ship.

    python -m docs.measure_mergeability [--tables demo20 demo ...] [--permutations 999]

Writes docs/mergeability.json; `python -m docs.mergeability_tables` prints the tables of the page from it.
"""

import argparse
import json
import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mloss_core.mergeability.association import association
from mloss_core.mergeability.metrics.registry import METRICS, PUBLISHED
from mloss_core.mergeability.pair_names import METHODS, QUALITY
from mloss_core.mergeability.predictor import added_value, cross_validate, prepare, single_metrics
from mloss_core.mergeability.shipped import FOLDER

OUT = Path(__file__).parent / "mergeability.json"
OURS = ("mloss", "mloss_normalised", "expected_mloss", "expert_gap", "expert_gap_normalised")
BEFORE = tuple(name for name, metric in METRICS.items() if metric.facts != "agreement")
"""Metrics that are known before a merge."""
KINDS = {"normacc": "normalised", "residual": "residual"}


def main() -> None:
    """Measure all tables and write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="*", default=sorted(path.stem for path in FOLDER.glob("*.csv")))
    parser.add_argument("--permutations", type=int, default=999)
    chosen = parser.parse_args()
    found = {name: _table(name, chosen.permutations) for name in chosen.tables}
    OUT.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _table(name: str, permutations: int) -> dict[str, Any]:
    frame, facts = pd.read_csv(FOLDER / f"{name}.csv"), json.loads((FOLDER / f"{name}.json").read_text())
    methods = [method for method in METHODS if f"{QUALITY}{method}" in frame]
    begun = time.perf_counter()
    answer = {
        "pairs": len(frame),
        "tasks": len(facts["tasks"]),
        "split": facts["split"],
        "methods": {method: _method(frame, method, permutations) for method in methods},
    }
    print(f"{name}: {len(frame)} pairs, {time.perf_counter() - begun:.0f} s", flush=True)
    return answer


def _method(frame: pd.DataFrame, method: str, permutations: int) -> dict[str, Any]:
    pairs = list(frame[["task_a", "task_b"]].itertuples(index=False, name=None))
    quality = frame[f"{QUALITY}{method}"]
    found = association(pairs, frame["mloss"], quality)
    return {
        "mean": float(quality.mean()),
        "low": float(quality.min()),
        "high": float(quality.max()),
        "mloss": {"r": found.pearson, "low": found.low, "high": found.high, "rank": found.spearman},
        "singles": {kind: _singles(frame, f"{kind}_{method}", permutations) for kind in KINDS},
        "predictors": {kind: _predictors(frame, f"{kind}_{method}") for kind in KINDS},
        "added": _added(frame, f"normacc_{method}", min(permutations, 99)),
    }


def _singles(frame: pd.DataFrame, target: str, permutations: int) -> list[dict[str, Any]]:
    problem = prepare(frame, list(METRICS), target, rows="own")
    found = single_metrics(problem, permutations)
    return [
        {"metric": one.metric, "r": one.pearson, "rank": one.spearman, "p": one.p, "p_family": one.p_family}
        for one in found
    ]


def _predictors(frame: pd.DataFrame, target: str) -> dict[str, Any]:
    """Cross-validated r with the choice of the penalty nested, leaving out tasks, by set of metrics."""
    sets: Mapping[str, Sequence[str]] = {
        "published": PUBLISHED,
        "published and ours": BEFORE,
        "ours": OURS,
        "mloss": ("mloss",),
    }
    answer: dict[str, Any] = {}
    for name, metrics in sets.items():
        alpha = None if len(metrics) == 1 else "nested"
        solver = "ols" if len(metrics) == 1 else "lasso"
        result = cross_validate(frame, list(metrics), target, "loto", solver, alpha=alpha, rows="own")
        answer[name] = {"r": result.headline, "sd": result.scores.sd, "lost": result.scores.lost, "k": result.scores.k}
        if name == "published":
            answer["baselines"] = {
                key: {"r": held.headline(False), "lost": held.lost} for key, held in result.baselines.items()
            }
            answer["chance"] = result.scores.lost_random
    return {key: value for key, value in answer.items() if not _nothing(value)}


def _nothing(value: Any) -> bool:
    return isinstance(value, float) and math.isnan(value)


def _added(frame: pd.DataFrame, target: str, permutations: int) -> dict[str, float]:
    """What M-Loss adds to all of the published metrics together."""
    problem = prepare(frame, [*PUBLISHED, "mloss"], target, rows="own")
    found = added_value(problem, ["mloss"], permutations=permutations)
    return {
        "without": found.without,
        "with": found.with_them,
        "change": found.change,
        "standard_error": float(np.nan_to_num(found.standard_error)),
        "p": found.p,
    }


if __name__ == "__main__":
    main()
