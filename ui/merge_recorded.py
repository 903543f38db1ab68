"""What the zoo's model card recorded, as rows: something to look at while the same is measured here."""

import dataclasses
import statistics
from collections.abc import Mapping
from typing import Any

from mloss_core.errors import MLossCoreError
from mloss_core.recipe import Recipe
from ui.merge_entries import Entry, tidy
from ui.merge_rows import Row

_BASELINES = {
    "zero_shot": ("zero_shot", "zero_shot", "Zero-shot"),
    "ensemble_logits": ("ensemble", "ensemble", "Ensemble"),
    "ensemble_features": ("ensemble_features", "ensemble", "Ensemble (features)"),
    "individual": ("individual", "individual", "Individual"),
}
NOTE = "Recorded: figures of the zoo's model card, shown until they are measured here."


def recorded_baselines(card: Mapping[str, Any], split: str) -> list[Row]:
    """Zero-shot, the Ensembles and Individual as the card has them; empty when it has none for this split."""
    rows = (_row(card, split, name, key, kind, label) for name, (key, kind, label) in _BASELINES.items())
    return [row for row in rows if row is not None]


def recorded_merge(card: Mapping[str, Any], split: str, entry: Entry, key: str, label: str) -> Row | None:
    """The card's figures of a recipe that it recorded, or None."""
    for name, recipe in _chosen(card).items():
        if recipe.digest == entry.key:
            row = _row(card, split, name, key, "merged", label)
            return None if row is None else dataclasses.replace(row, recipe=entry.recipe)
    return None


def starting_entries(card: Mapping[str, Any]) -> tuple[Entry, ...]:
    """What a first visit compares: the plainest merge, the card's tuned TIES, and the paper's M-TIES at its scale.

    The scale matters: where a zoo's best one is far from 1, M-TIES at 1 would be compared with nothing of its kind.
    """
    ties = _chosen(card).get("ties", Recipe(method="ties"))
    scale = {"scale": ties.options["scale"]} if "scale" in ties.options else {}
    m_ties = Recipe(method="m_ties", options={"keep_rate": 0.8, "span": 0.1, **scale})
    return tuple(Entry(tidy(recipe)) for recipe in (Recipe(method="average"), ties, m_ties))


def _chosen(card: Mapping[str, Any]) -> dict[str, Recipe]:
    """The recipes of the card; those that this version cannot read are left out."""
    found = {}
    for name, values in card.get("chosen", {}).items():
        try:
            found[name] = tidy(Recipe.from_dict(values))
        except MLossCoreError:
            continue
    return found


def _row(card: Mapping[str, Any], split: str, name: str, key: str, kind: str, label: str) -> Row | None:
    accuracy = card.get("accuracy", {}).get(split, {}).get(name)
    summary = card.get("average", {}).get(split, {}).get(name)
    if not accuracy or not summary:
        return None
    return Row(
        key=key, label=label, kind=kind, accuracy=accuracy, average=summary["average"],
        standard_error=summary["standard_error"], normalised=summary["normalised"],
        variance=statistics.pvariance(accuracy.values()), worst=min(accuracy.values()),
        counts=card.get("counts", {}).get(split, {}), recorded=True,
    )  # fmt: skip
