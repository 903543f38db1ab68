"""Rows of accuracy tables as a model card keeps them."""

from collections.abc import Iterable, Sequence

from mloss_core.evaluation import EvaluationRow

_KEYS = {"ensemble": "ensemble_logits"}
"""What a card calls a baseline where it is not called by its key."""


def named_rows(rows: Sequence[EvaluationRow], merges: Iterable[str]) -> dict[str, EvaluationRow]:
    """Rows by the names that cards use, baselines first; `merges` names the merged rows in their order."""
    named = dict(zip(merges, (row for row in rows if row.kind == "merged"), strict=True))
    return {_KEYS.get(row.key, row.key): row for row in rows if row.kind != "merged"} | named


def summary(row: EvaluationRow) -> dict[str, float]:
    """Its mean over tasks, the standard error of that, and the mean relative to the individual models; fractions."""
    return {name: row.figure(name) for name in ("average", "standard_error", "normalised")}
