"""A zoo's manifest with the names and shapes of a real one and made-up figures."""

from typing import Any

from tests.ui.fake_payloads import LAYERS, NODES, TASKS
from ui.zoo.facts import ZooFacts, facts_of

LEVELS = {
    "zero_shot": 0.5,
    "ensemble_logits": 0.68,
    "ensemble_features": 0.67,
    "individual": 0.91,
    "simple_average": 0.6,
    "task_arithmetic": 0.64,
    "ties": 0.65,
}


def fake_manifest(tasks: tuple[str, ...] = TASKS, layers: int = LAYERS, nodes: int = NODES) -> dict[str, Any]:
    """A manifest; accuracies differ a little from task to task."""
    files = ["pretrained.safetensors", *(f"{task}.safetensors" for task in tasks)]
    accuracy = {
        name: {task: level + 0.02 * (place % 3 - 1) for place, task in enumerate(tasks)}
        for name, level in LEVELS.items()
    }
    average = {
        name: {"average": sum(row.values()) / len(row), "standard_error": 0.005, "normalised": 0.7}
        for name, row in accuracy.items()
    }
    return {
        "architecture": {"layers": layers, "mlp_width": nodes, "width": 64},
        "files": {name: {"sha256": f"{place:x}" * 64, "bytes": 1_240_000} for place, name in enumerate(files)},
        "tasks": {
            task: {
                "title": task.capitalize(),
                "description": f"Pictures of {task}.",
                "digest": task * 3,
                "classes": ["one", "two", "three"],
            }
            for task in tasks
        },
        "accuracy": {"test": accuracy},
        "average": {"test": average},
        "counts": {"test": dict.fromkeys(tasks, 1000)},
        "chosen": {
            "simple_average": {"method": "average"},
            "task_arithmetic": {"method": "task_arithmetic", "options": {"scale": 0.25}},
            "ties": {"method": "ties", "options": {"keep_rate": 0.5}},
        },
        "curve": fake_curve(len(tasks)),
        "mloss": {
            "images": 16 * len(tasks),
            "layers": [
                {"block": block, "mloss": 1e-6 * (1 + block), "standard_error": 1e-8, "normalised": 0.002}
                for block in range(layers)
            ],
        },
        "controls": {"test": [control("m_ties k=0.8 e=0.1, same budget", 0.001, 0.002)]},
        "versions": {"torch": "2.15"},
    }


def fake_curve(tasks: int) -> dict[str, Any]:
    """A curve in which every row falls by a point with each model."""
    levels = {"zero_shot": 0.5, "average": 0.8, "ties": 0.75, "ensemble_features": 0.84, "ensemble_logits": 0.85}
    rows = {
        str(count): {
            name: {"average": level - 0.01 * count, "standard_error": 0.01 / count, "normalised": 0.9}
            for name, level in {**levels, "individual": 0.95}.items()
        }
        for count in range(2, tasks + 1)
    }
    methods = {"average": {"method": "average"}, "ties": {"method": "ties", "options": {"keep_rate": 0.2}}}
    return {"split": "test", "methods": methods, "rows": rows}


def control(name: str, difference: float, error: float) -> dict[str, Any]:
    """One row of the card's controls."""
    return {"name": name, "average": 0.6, "m_ties_minus_this": difference, "paired_standard_error": error}


def fake_zoo(**changes: Any) -> ZooFacts:
    """Facts of the zoo with that manifest."""
    return facts_of("demo", fake_manifest(**changes), 617_600)
