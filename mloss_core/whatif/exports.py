"""Surfaces, paths, planes and the like as rows of a table, for CSV and for the terminal. Imports no torch."""

from collections.abc import Mapping
from typing import Any

PLACES = ("group", "label", "of", "seed", "samples")
"""Columns that tell where a point lies when no option does."""


def point_rows(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One row a point: where it lies, then value, standard_error, the value by task, and what else is known of it.

    A task that is called as another column is, has `task NAME` for its own.

    Args:
        found: what `surface`, `plane`, `ablation`, `seed_spread` or `sample_curve` gave.
    """
    rows = []
    for point in found["points"]:
        before = {**_place(found, point), found["criterion"]: point["value"], "standard_error": point["standard_error"]}
        after = {
            **{name: point[name] for name in ("rank_correlation", "keep_rate_shift") if name in point},
            **({} if point.get("kept_fraction") is None else {"kept_fraction": point["kept_fraction"]}),
            **({"flat": point["flat"]} if "flat" in point else {}),
        }
        taken = before.keys() | after.keys()
        tasks = {f"task {task}" if task in taken else task: value for task, value in point["tasks"].items()}
        rows.append({**before, **tasks, **after})
    return rows


def points_csv(found: Mapping[str, Any]) -> str:
    """`point_rows` as CSV, fractions throughout."""
    import pandas

    return pandas.DataFrame(point_rows(found)).to_csv(index=False)


def _place(found: Mapping[str, Any], point: Mapping[str, Any]) -> dict[str, Any]:
    if "axes" in found:
        return {axis["name"]: value for axis, value in zip(found["axes"], point["values"], strict=True)}
    if "pair" in found:
        return {f"factor of {name}": factor for name, factor in zip(found["pair"], point["factors"], strict=True)}
    return {name: point[name] for name in PLACES if name in point}
