"""Print the tables of docs/mergeability.md from the figures that `docs.measure_mergeability` wrote."""

import json
from collections.abc import Mapping
from typing import Any

from docs.measure_mergeability import OUT
from mloss_core.mergeability.metrics.registry import METRICS, PUBLISHED
from mloss_core.merging.methods import METHODS


def main() -> None:
    """Print everything, table by table."""
    for name, found in json.loads(OUT.read_text(encoding="utf-8")).items():
        print(f"\n### {name}: {found['pairs']} pairs of {found['tasks']} tasks, {found['split']} images\n")
        print("\n\n".join("\n".join(table) for table in tables_of(found["methods"])))


def tables_of(methods: Mapping[str, Any]) -> list[list[str]]:
    """The three tables of one record, as lines: each metric alone, fits, and fits on the interaction residual."""
    return [_alone(methods), _fitted(methods, "normacc"), _fitted(methods, "residual")]


def _alone(methods: Mapping[str, Any]) -> list[str]:
    """Each method: M-Loss alone, and the strongest of the published metrics."""
    lines = [
        "| merged by | quality, % | M-Loss: r (95 %) | p | best published metric | its r | p, of 28 |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, one in methods.items():
        singles = {single["metric"]: single for single in one["singles"]["normacc"]}
        best = max((singles[metric] for metric in PUBLISHED if metric in singles), key=lambda single: abs(single["r"]))
        mloss, title = one["mloss"], METRICS[best["metric"]].title
        lines.append(
            f"| {METHODS[name].title} | {100 * one['low']:.1f} to {100 * one['high']:.1f} | {_r(mloss['r'])} "
            f"({_r(mloss['low'])} to {_r(mloss['high'])}) | {singles['mloss']['p']:.3f} | {title} "
            f"| {_r(best['r'])} | {best['p_family']:.3f} |"
        )
    return lines


def _fitted(methods: Mapping[str, Any], kind: str) -> list[str]:
    """Each method: cross-validated r by set of metrics, points lost, baselines, and what M-Loss adds."""
    head = ["merged by", "28 published", "28 and ours", "ours", "M-Loss alone", "best single", "task effects"]
    extra = ["lost: 28", "lost: M-Loss", "chance", "M-Loss adds to 28 (p)"] if kind == "normacc" else []
    lines = [f"| {' | '.join([*head, *extra])} |", "|" + "---|" * (len(head) + len(extra))]
    for name, one in methods.items():
        found = one["predictors"][kind]
        base = found["baselines"]
        cells = [_r(found[key]["r"]) for key in ("published", "published and ours", "ours", "mloss")]
        cells += [_r(base[key]["r"]) if key in base else "-" for key in ("best_single_metric", "additive_task_effects")]
        if extra:
            added = one["added"]
            cells += [f"{100 * found[key]['lost']:.2f}" for key in ("published", "mloss")]
            cells += [
                f"{100 * found['chance']:.2f}",
                f"{added['change']:+.3f} ± {added['standard_error']:.3f} ({added['p']:.2f})",
            ]
        lines.append(f"| {' | '.join([METHODS[name].title, *cells])} |")
    return lines


def _r(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:+.2f}".replace("-", "−")


if __name__ == "__main__":
    main()
