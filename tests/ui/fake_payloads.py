"""Payloads with the names and shapes of real ones, filled with repeatable numbers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from mloss_core.mloss.report import MLossReport
from mloss_core.recipe import MLossOptions
from tests.ui.fake_lab import FakePayload

TASKS = ("digits", "street", "letters", "shapes")
LAYERS, NODES = 4, 16


def report_of(
    values: np.ndarray,
    errors: np.ndarray,
    images: np.ndarray | None = None,
    image_task: Sequence[int] = (0, 1),
    tasks: Sequence[str] = TASKS[:2],
    **options: Any,
) -> MLossReport:
    """A report of these node values and errors, (block, node), and per-image values, (block, image, node)."""
    sites = [f"blocks.{block}.mlp.c_fc" for block in range(len(values))]
    layers = [
        {
            "block": block,
            "site": site,
            "nodes": len(row),
            "mloss": float(row.mean()),
            "normalised": 0.1,
            "standard_error": float(spread.mean()),
        }
        for block, (site, row, spread) in enumerate(zip(sites, values, errors, strict=True))
    ]
    return MLossReport(
        options=MLossOptions(**options),
        activation="gelu",
        tasks=tuple(tasks),
        zoo_digest="d" * 64,
        node_values=dict(zip(sites, values, strict=True)),
        node_errors=dict(zip(sites, errors, strict=True)),
        layers=pd.DataFrame(layers),
        per_image={} if images is None else dict(zip(sites, images, strict=True)),
        image_task=np.asarray(image_task),
        image_index=np.arange(len(image_task)),
        seconds=1.3,
        digest="ab12" * 16,
    )


def measured(
    params: Mapping[str, Any], tasks: tuple[str, ...] = TASKS, layers: int = LAYERS, nodes: int = NODES
) -> FakePayload:
    """A `measure` payload: M-Loss rises with the block."""
    draw = np.random.default_rng(0)
    chosen = tuple(params["tasks"] or tasks)
    each = params["mloss"]["samples_per_task"]
    count = each * len(chosen)
    images = []
    for block in range(layers):
        base = 3e-6 * 1.13**block * np.exp(draw.normal(0, 1, nodes))
        images.append((base * draw.gamma(2, 0.5, (count, nodes))).astype(np.float32))
    stacked = np.stack(images)
    values, errors = stacked.mean(axis=1), stacked.std(axis=1) / count**0.5
    report = report_of(values, errors, stacked, np.repeat(np.arange(len(chosen)), each), chosen, samples_per_task=each)
    return FakePayload(*report.to_entry())


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
        "block": params.get("block", 0),
        "node": params["node"],
        "tasks": list(chosen),
        "activation": "gelu",
        "mloss": 1e-5,
        "merged_activation": 0.101,
        "ensemble_activation": 0.104,
        "top": top,
    }
    arrays = {"edges": edges, "densities": densities, "means": means, "angles": angles}
    return FakePayload(meta, arrays | {"pixels": draw.integers(0, 255, (6, 32, 32, 3), dtype=np.uint8)})
