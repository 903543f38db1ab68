"""The model card's figures: everything is chosen on validation images, then measured once on test images."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from mloss_core.demo.card_rows import named_rows, summary
from mloss_core.demo.curve import measure_curve
from mloss_core.evaluation import EvaluationRow, compare_rows, evaluate_rows
from mloss_core.evaluation.controls import CardControl, card_controls
from mloss_core.evaluation.tuning import tune_scale
from mloss_core.merging import MergeResult, merge
from mloss_core.mloss import MLossReport, measure_mloss
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, part, silent
from mloss_core.zoo.model import Zoo

TASK_ARITHMETIC_SCALES = (0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5)
TIES_KEEP_RATES = (0.2, 0.5, 0.8)
TIES_SCALES = (0.5, 0.7, 1.0, 1.3, 1.7, 2.2)
TUNING_IMAGES = 100
"""Validation images of each task that choose the scales in a brief card."""
NESTED_COUNTS = (8, 14)
"""Of larger zoos: how many of their first tasks have a card of their own."""
PARTS = ("accuracy", "profile", "curve")
"""What can be measured alone: accuracies with the choices before them; M-Loss and task vectors; the curve."""


def measure_card(
    zoo: Zoo, progress: Progress = silent, *, brief: bool = False, parts: Collection[str] = PARTS
) -> dict[str, Any]:
    """Accuracies, the choices made on validation images, the controls and the M-Loss profile, as plain values.

    Args:
        zoo: what to measure.
        progress: told as it goes on.
        brief: for zoos of many tasks: TSV-M instead of TIES, and no controls.
        parts: which of `PARTS`; `curve` is nothing here.
    """
    if not {"accuracy", "profile"}.intersection(parts):
        return {}
    report = measure_mloss(zoo)
    found = _accuracies(zoo, report, progress, brief) if "accuracy" in parts else {}
    if "profile" in parts:
        found |= {"mloss": _profile(report), "task_vectors": _geometry(zoo)}
    progress(1.0, f"measured the card of {len(zoo.tasks)} models")
    return found


def measure_nested(zoo: Zoo, progress: Progress = silent, parts: Collection[str] = PARTS) -> dict[str, Any]:
    """The card of a zoo with the curve and, where it has more than eight tasks, the cards of its first 8 and 14 alone.

    Args:
        zoo: what to measure.
        progress: told as it goes on.
        parts: which of `PARTS`.
    """
    curve = {"curve": measure_curve(zoo, part(progress, 0, 0.4))} if "curve" in parts else {}
    if len(zoo.tasks) <= min(NESTED_COUNTS):
        return {**measure_card(zoo, part(progress, 0.4, 1), parts=parts), **curve}
    counts = [count for count in NESTED_COUNTS if count < len(zoo.tasks)]
    whole = measure_card(zoo, part(progress, 0.4, 0.7), brief=True, parts=parts)
    cards = {}
    for position, count in enumerate(counts):
        step = part(progress, 0.7 + 0.3 * position / len(counts), 0.7 + 0.3 * (position + 1) / len(counts))
        cards[str(count)] = measure_card(zoo.subset(zoo.tasks[:count]), step, brief=True, parts=parts)
    return {**whole, **curve, "nested": cards}


def renewed(manifest: Mapping[str, Any], found: Mapping[str, Any]) -> dict[str, Any]:
    """A manifest with the parts of its card that `measure_nested` found; the others stay."""
    nested = dict(manifest.get("nested", {}))
    for count, card in found.get("nested", {}).items():
        nested[count] = {**nested.get(count, {}), **card}
    return {**manifest, **found, **({"nested": nested} if nested else {})}


def _accuracies(zoo: Zoo, report: MLossReport, progress: Progress, brief: bool) -> dict[str, Any]:
    tuned = (_tuned_of_many if brief else _tuned)(zoo, part(progress, 0, 0.5))
    controls = {} if brief else {control.name: control for control in card_controls()}
    results = {**tuned, **{name: merge(zoo, control.recipe, report) for name, control in controls.items()}}
    tables = {}
    for position, split in enumerate(("val", "test")):
        step = part(progress, 0.5 + 0.25 * position, 0.75 + 0.25 * position)
        tables[split] = named_rows(evaluate_rows(zoo, list(results.values()), split, progress=step), results)
    return {
        "accuracy": {
            split: {name: dict(row.accuracy) for name, row in rows.items() if name not in controls}
            for split, rows in tables.items()
        },
        "average": {split: {name: summary(row) for name, row in rows.items()} for split, rows in tables.items()},
        "counts": {split: dict(rows["zero_shot"].counts) for split, rows in tables.items()},
        "chosen": {name: result.recipe.to_dict() for name, result in tuned.items()},
        "controls": {split: _control_rows(rows, results, controls) for split, rows in tables.items()},
    }


def _tuned(zoo: Zoo, progress: Progress) -> dict[str, MergeResult]:
    """Simple Average, and the Task Arithmetic and TIES merges that are best on validation images."""
    average = merge(zoo, Recipe(method="average"))
    arithmetic = [Recipe(method="task_arithmetic", options={"scale": s}) for s in TASK_ARITHMETIC_SCALES]
    ties = [Recipe(method="ties", options={"keep_rate": k, "scale": s}) for k in TIES_KEEP_RATES for s in TIES_SCALES]
    return {
        "simple_average": average,
        "task_arithmetic": _best(zoo, arithmetic, part(progress, 0, 0.3)),
        "ties": _best(zoo, ties, part(progress, 0.3, 1)),
    }


def _tuned_of_many(zoo: Zoo, progress: Progress) -> dict[str, MergeResult]:
    """Simple Average, and Task Arithmetic and TSV-M whose scales the common search found on some validation images."""
    found = {"simple_average": merge(zoo, Recipe(method="average"))}
    for position, method in enumerate(("task_arithmetic", "tsv_m")):
        search = tune_scale(
            zoo,
            Recipe(method=method),
            metric="average",
            limit=TUNING_IMAGES,
            progress=part(progress, position / 2, (position + 1) / 2),
        )
        found[method] = search.result
    return found


def _best(zoo: Zoo, recipes: Sequence[Recipe], progress: Progress) -> MergeResult:
    results = [merge(zoo, recipe) for recipe in recipes]
    rows = evaluate_rows(zoo, results, "val", progress=progress)[1 : 1 + len(results)]
    return results[int(np.argmax([row.figure("average") for row in rows]))]


def _control_rows(
    rows: Mapping[str, EvaluationRow], results: Mapping[str, MergeResult], controls: Mapping[str, CardControl]
) -> list[dict[str, Any]]:
    """Each control with its difference from the M-TIES row it stands beside, paired over images."""
    listed = []
    for name, control in controls.items():
        difference = compare_rows(rows[control.of], rows[name])
        listed.append(
            {
                "name": name,
                "average": rows[name].average,
                "standard_error": rows[name].standard_error,
                "m_ties_minus_this": difference.difference,
                "paired_standard_error": difference.standard_error,
                "discordant": list(difference.discordant),
                "kept_fraction": results[name].kept_fraction,
            }
        )
    return listed


def _profile(report: MLossReport) -> dict[str, Any]:
    layers = report.layers
    return {
        "layers": layers.to_dict("records"),
        "share_8_9_10": report.share((8, 9, 10)),
        "images": len(report.image_task),
        "options": report.options.to_dict(),
    }


def _geometry(zoo: Zoo) -> dict[str, float]:
    """Mean cosine between task vectors, and their mean length relative to the pretrained weights."""
    base = np.concatenate([t.double().numpy().ravel() for t in zoo.pretrained.weights.values()])
    flat = np.stack(
        [np.concatenate([t.double().numpy().ravel() for t in e.weights.values()]) - base for e in zoo.sources()]
    )
    lengths = np.linalg.norm(flat, axis=1)
    cosine = (flat @ flat.T) / np.outer(lengths, lengths)
    off = cosine[~np.eye(len(flat), dtype=bool)]
    return {"mean_cosine": float(off.mean()), "relative_length": float((lengths / np.linalg.norm(base)).mean())}
