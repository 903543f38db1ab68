"""The cells of an M-Loss map: their scales, orders, keep rates and words."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mloss_core.merging.sparsifiers.keep_rates import keep_rate_profile
from mloss_core.mloss.report import MLossReport, NodeGroups
from ui.formats import measured

SCALES = ("Linear", "Log", "Per block")
_TINY = 1e-30


def scaled(value: np.ndarray, scale: str) -> np.ndarray:
    """Cell values as the colour shows them: as they are, their logarithm, or shares of the block's largest."""
    if scale == "Log":
        return np.log10(np.maximum(value, _TINY))
    if scale == "Per block":
        largest = value.max(axis=1, keepdims=True)
        return value / np.where(largest > 0, largest, 1.0)
    return value


def keep_rates(report: MLossReport, keep_rate: float, span: float, blocks: Sequence[int] | None) -> np.ndarray:
    """Keep rate of every node (block, node) that k and e give; blocks that are not chosen keep k throughout."""
    chosen = set(report.blocks if blocks is None else blocks)
    return np.stack(
        [
            keep_rate_profile(row, keep_rate, span) if block in chosen else np.full(report.nodes, keep_rate)
            for block, row in zip(report.blocks, report.values, strict=True)
        ]
    )


def order_of(report: MLossReport) -> list[tuple[int, int]]:
    """All (block, node) from the most to the least conflicted one; equal ones by block and node."""
    ranked = np.argsort(-report.values, axis=None, kind="stable")
    rows, nodes = np.unravel_index(ranked, report.values.shape)
    blocks = report.blocks
    return [(blocks[row], int(node)) for row, node in zip(rows, nodes, strict=True)]


def cell_text(report: MLossReport, cells: NodeGroups) -> list[str]:
    """Hover sentence of every cell, row by row."""
    return [
        f"Block {block}, {_nodes(a, b)}<br>M-Loss {measured(value, error)}"
        for block, values, errors in zip(report.blocks, cells.mloss, cells.standard_error, strict=True)
        for a, b, value, error in zip(cells.first, cells.last, values, errors, strict=True)
    ]


def table(report: MLossReport) -> pd.DataFrame:
    """Every node as a row, for download: block, site, node, mloss, standard_error."""
    nodes = report.to_frame(1).rename(columns={"first_node": "node"})
    return nodes[["block", "site", "node", "mloss", "standard_error"]]


def _nodes(first: int, last: int) -> str:
    return f"node {first}" if first == last else f"nodes {first}–{last}"
