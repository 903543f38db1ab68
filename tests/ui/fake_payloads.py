"""Payloads with the names and shapes of real ones, filled with repeatable numbers."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.ui.fake_lab import FakePayload

TASKS = ("digits", "street", "letters", "shapes")
LAYERS, NODES = 4, 16


def measured(
    params: Mapping[str, Any], tasks: tuple[str, ...] = TASKS, layers: int = LAYERS, nodes: int = NODES
) -> FakePayload:
    """A `measure` payload: M-Loss rises with the block."""
    draw = np.random.default_rng(0)
    chosen = tuple(params["tasks"] or tasks)
    images = params["mloss"]["samples_per_task"] * len(chosen)
    rows, arrays = [], {}
    for block in range(layers):
        base = 3e-6 * 1.13**block * np.exp(draw.normal(0, 1, nodes))
        values = (base * draw.gamma(2, 0.5, (images, nodes))).astype(np.float32)
        site = f"blocks.{block}.mlp.c_fc"
        spread = values.std(axis=0) / images**0.5
        arrays |= {f"node/{site}": values.mean(axis=0), f"standard_error/{site}": spread, f"per_image/{site}": values}
        rows.append(
            {
                "block": block,
                "site": site,
                "nodes": nodes,
                "mloss": float(values.mean()),
                "normalised": 0.1,
                "standard_error": float(values.mean(axis=1).std() / images**0.5),
            }
        )
    arrays["image_task"] = np.repeat(np.arange(len(chosen)), params["mloss"]["samples_per_task"])
    meta = {"layers": rows, "tasks": list(chosen), "seconds": 1.3, "digest": "ab12" * 16, "notes": []}
    return FakePayload(meta, arrays)


def inside_node(params: Mapping[str, Any], tasks: tuple[str, ...] = TASKS) -> FakePayload:
    """A `node` payload."""
    chosen = tuple(params["tasks"] or tasks)
    draw = np.random.default_rng(params["node"])
    edges = np.linspace(-3, 2, 61)
    centres = (edges[:-1] + edges[1:]) / 2
    means = draw.normal(-0.5, 0.3, len(chosen) + 1)
    densities = np.stack([np.exp(-((centres - mean) ** 2) / 0.4) for mean in means])
    apart = draw.uniform(5, 40, (len(chosen) + 1, len(chosen) + 1))
    angles = np.triu(apart, 1) + np.triu(apart, 1).T
    top = [
        {"task": chosen[place % len(chosen)], "index": place, "merged": 0.1, "ensemble": 0.2, "disagreement": 0.01}
        for place in range(6)
    ]
    meta = {
        "tasks": list(chosen),
        "activation": "gelu",
        "mloss": 1e-5,
        "merged_activation": 0.101,
        "ensemble_activation": 0.104,
        "top": top,
    }
    arrays = {"edges": edges, "densities": densities, "means": means, "angles": angles}
    return FakePayload(meta, arrays | {"pixels": draw.integers(0, 255, (6, 32, 32, 3), dtype=np.uint8)})
