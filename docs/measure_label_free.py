"""How well criteria without labels stand in for validation accuracy, over recipes of many methods.

    python -m docs.measure_label_free [--zoos demo,weak,demo20] [--draws 5]      # five processor minutes a zoo of eight
    python -m docs.measure_label_free --tables                                   # what is recorded, as Markdown

Writes mloss_core/evaluation/criteria/measured.json, which docs/label_free.md describes and the app draws. `weak` is the
demo zoo whose models are fine-tuned anew from its pretrained one with a tenth of the updates.
"""

import argparse
import dataclasses
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mloss_core import Recipe, merge, open_zoo
from mloss_core.demo.recipe import FINETUNING
from mloss_core.evaluation import evaluate_rows, evaluate_weights
from mloss_core.evaluation.criteria import CRITERIA, Judge
from mloss_core.evaluation.criteria.choice import SOURCES
from mloss_core.evaluation.criteria.measured import MEASURED, image_counts, measured, summary_of
from mloss_core.evaluation.criteria.trust import lost_within, trust
from mloss_core.merging.results import MergeResult
from mloss_core.state_dicts import state_digest
from mloss_core.training.loops import finetune, jitter
from mloss_core.vision.towers import build_tower
from mloss_core.zoo.model import Encoder, Zoo

COUNTS = (4, 8, 16, 64)
"""Images of each task that a criterion looks at."""
WEAK_SHARE = 0.1
GRIDS: dict[tuple[str, tuple[tuple[str, Any], ...]], tuple[float, ...]] = {
    ("task_arithmetic", ()): (0.1, 0.2, 0.3, 0.5, 0.8),
    ("ties", (("keep_rate", 0.2),)): (0.5, 1.0, 1.5, 2.5),
    ("ties", (("keep_rate", 0.8),)): (0.5, 1.0, 1.5, 2.5),
    ("m_ties", (("keep_rate", 0.8), ("span", 0.1))): (0.5, 1.0, 2.0),
    ("dare", (("keep_rate", 0.7),)): (1.0, 2.0, 3.0),
    ("tsv_m", ()): (0.3, 0.6, 0.9, 1.3),
    ("iso_c", ()): (0.4, 0.8, 1.2, 1.8),
    ("iso_cts", ()): (0.5, 0.9, 1.4),
    ("actmat", ()): (0.5, 1.0, 1.5),
    ("regmean", ()): (0.7, 1.2, 1.8),
    ("pcb", (("keep_rate", 0.05),)): (0.7, 1.5, 2.5),
    ("wudi", ()): (0.4,),
    ("regmean_pp", ()): (1.0,),
    ("magmax", ()): (0.7,),
    ("breadcrumbs", ()): (0.6,),
    ("consensus", ()): (0.6,),
    ("m_dare", (("keep_rate", 0.8), ("span", 0.1))): (1.0,),
    ("m_weights", ()): (1.0,),
    ("average", ()): (),
}
"""Scales that are tried, by method and its other options."""


@dataclasses.dataclass(frozen=True)
class Tried:
    """One recipe: its group of scales, its name, accuracy on validation images, and values by source, draw, count."""

    group: str
    name: str
    accuracy: float
    standard_error: float
    values: dict[tuple[str, int, int], dict[str, float]]


def merges(zoo: Zoo) -> Iterator[tuple[str, MergeResult]]:
    """Every recipe with the name of its group; each method runs once."""
    for (method, options), scales in GRIDS.items():
        result = merge(zoo, Recipe(method=method, options=dict(options)))
        group = f"{method} {' '.join(f'{name}={value:g}' for name, value in options)}".strip()
        for scale in scales or (None,):
            yield group, result if scale is None else result.rescaled(scale)


def weak_zoo(zoo: Zoo, folder: Path) -> Zoo:
    """The zoo with models that saw a tenth of the updates; kept in `folder` for the next run."""
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True, exist_ok=True)
    full = FINETUNING["adamw"]
    short = dataclasses.replace(full, steps=int(WEAK_SHARE * full.steps), warmup=int(WEAK_SHARE * full.warmup))
    finetuned = {}
    for task in zoo.tasks:
        path = folder / f"{task}.safetensors"
        if not path.is_file():
            dataset = zoo.datasets[task]
            tower = build_tower(zoo.architecture, dict(zoo.pretrained.weights), "cpu", trainable=True)
            images = dataset.images("train", range(dataset.size("train")))
            finetune(tower, zoo.heads[task], images, dataset.labels("train"), short, augment=jitter)
            save_file({key: value.detach().contiguous() for key, value in tower.state_dict().items()}, path)
        weights = load_file(path)
        finetuned[task] = Encoder(task, weights, state_digest(weights))
    return dataclasses.replace(zoo, name="weak", finetuned=finetuned)


def tried(zoo: Zoo, draws: int) -> list[Tried]:
    """Every recipe with its accuracy and all values of all criteria."""
    judges = {
        (source, draw): Judge(zoo, tuple(CRITERIA), images=max(COUNTS), seed=draw, source=source)
        for source in SOURCES
        for draw in range(draws)
    }
    found = []
    for group, result in merges(zoo):
        row = evaluate_weights(zoo, result, split="val")
        values = {}
        for (source, draw), judge in judges.items():
            each = judge.values(result)
            for count in COUNTS:
                scores = judge.gathered(each, count)
                values[source, draw, count] = {name: score.value for name, score in scores.items()}
        found.append(Tried(group, result.name, row.figure("average"), row.figure("standard_error"), values))
        print(f"{result.name}: {100 * found[-1].accuracy:.1f}", flush=True)
    return found


def summary(recipes: Sequence[Tried], source: str, count: int, draws: int) -> dict[str, dict[str, Any]]:
    """Of each criterion: rank correlation, points lost, and points lost when only the scale is chosen, over draws."""
    accuracy = np.array([recipe.accuracy for recipe in recipes])
    groups = [recipe.group for recipe in recipes]
    found = {}
    for name in CRITERIA:
        each, scale = [], []
        for draw in range(draws):
            values = np.array([recipe.values[source, draw, count][name] for recipe in recipes])
            each.append(trust(values, accuracy))
            scale.append(list(lost_within(values, accuracy, groups).values()))
        found[name] = {
            "spearman": each[0].spearman,
            "low": each[0].low,
            "high": each[0].high,
            "spearman_draws": [one.spearman for one in each],
            "lost": statistics.fmean(one.lost for one in each),
            "lost_worst": max(one.lost for one in each),
            "scale_lost": statistics.fmean(statistics.fmean(one) for one in scale),
            "scale_lost_worst": max(max(one) for one in scale),
        }
    return found


def study(zoo: Zoo, draws: int) -> dict[str, Any]:
    """Everything that is recorded of one zoo."""
    started = time.perf_counter()
    recipes = tried(zoo, draws)
    base = {row.key: row for row in evaluate_rows(zoo, (), "val")}
    return {
        "zoo": {"name": zoo.name, "digest": zoo.digest},
        "tasks": list(zoo.tasks),
        "validation_images": dict(base["individual"].counts),
        "individual": base["individual"].average,
        "individual_worst": base["individual"].worst,
        "ensemble": base["ensemble"].average,
        "zero_shot": base["zero_shot"].average,
        "draws": draws,
        "recipes": [
            {
                "name": recipe.name,
                "group": recipe.group,
                "accuracy": recipe.accuracy,
                "standard_error": recipe.standard_error,
                "values": {source: recipe.values[source, 0, max(COUNTS)] for source in SOURCES},
            }
            for recipe in recipes
        ],
        "summary": [
            {"source": source, "images_per_task": count, "criteria": summary(recipes, source, count, draws)}
            for source in SOURCES
            for count in COUNTS
        ],
        "seconds": time.perf_counter() - started,
    }


def tables(record: Mapping[str, Any]) -> str:
    """The Markdown tables of docs/label_free.md for one zoo: criteria at most images, and points lost by images."""
    most = image_counts(record)[-1]
    head = (
        "| criterion | Spearman | points lost | worst draw | scale alone: mean | worst |\n|---|---|---|---|---|---|\n"
    )
    parts = []
    for source, words in SOURCES.items():
        lines = [
            f"| {_name(name)} | {_number(one['spearman'])} ({_number(one['low'])} to {_number(one['high'])}) | "
            f"{100 * one['lost']:.1f} | {100 * one['lost_worst']:.1f} | {100 * one['scale_lost']:.1f} | "
            f"{100 * one['scale_lost_worst']:.1f} |"
            for name, one in summary_of(record, source, most).items()
        ]
        parts.append(f"{most} {words}, each task:\n\n{head}" + "\n".join(lines))
    counts = image_counts(record)
    head = f"| points lost, mean (worst draw) | {' | '.join(map(str, counts))} |\n|---|{'---|' * len(counts)}\n"
    lines = []
    for name in summary_of(record, "train", most):
        found = [summary_of(record, "train", count)[name] for count in counts]
        cells = (f"{100 * one['lost']:.1f} ({100 * one['lost_worst']:.1f})" for one in found)
        lines.append(f"| {_name(name)} | {' | '.join(cells)} |")
    parts.append("Training images of each task:\n\n" + head + "\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _name(name: str) -> str:
    return "Accuracy on as many labelled validation images" if CRITERIA[name].labels else CRITERIA[name].title


def _number(value: float) -> str:
    return f"{value:.2f}".replace("-", "−")


def main() -> None:
    """Measure the named zoos and write the table; zoos that are not named keep what was measured before."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoos", default="demo,weak", help="of demo, weak, demo14, demo20 (default: demo,weak)")
    parser.add_argument("--draws", type=int, default=5, help="draws of the images (default: 5)")
    parser.add_argument(
        "--weak", type=Path, default=Path(tempfile.gettempdir()) / "mloss-weak-demo", help="where weak models are kept"
    )
    parser.add_argument("--out", type=Path, default=MEASURED)
    parser.add_argument("--tables", action="store_true", help="print what is recorded as Markdown; measure nothing")
    options = parser.parse_args()
    if options.tables:
        for name, record in measured().items():
            print(f"## {name}\n\n{tables(record)}")
        return
    table = json.loads(options.out.read_text()) if options.out.is_file() else {"zoos": {}}
    for name in options.zoos.split(","):
        zoo = open_zoo("demo" if name == "weak" else name, "cpu")
        zoo = weak_zoo(zoo, options.weak) if name == "weak" else zoo
        table["zoos"][name] = study(zoo, options.draws)
        options.out.write_text(json.dumps(table, indent=1) + "\n")


if __name__ == "__main__":
    main()
