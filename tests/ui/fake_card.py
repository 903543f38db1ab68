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
        "controls": {"test": [control("m_ties k=0.8 e=0.1, same budget", 0.001, 0.002)]},
        "versions": {"torch": "2.15"},
    }


def control(name: str, difference: float, error: float) -> dict[str, Any]:
    """One row of the card's controls."""
    return {"name": name, "average": 0.6, "m_ties_minus_this": difference, "paired_standard_error": error}


def fake_zoo(**changes: Any) -> ZooFacts:
    """Facts of the zoo with that manifest."""
    return facts_of("demo", fake_manifest(**changes), 617_600)
