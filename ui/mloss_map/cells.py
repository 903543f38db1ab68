"""A measured M-Loss map as plain arrays: nodes gathered into cells, scales and orders."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mloss_core.lab.requests import Payload

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from mloss_core.merging.sparsifiers.keep_rates import keep_rate_profile
from ui.formats import measured

SCALES = ("Linear", "Log", "Per block")
_TINY = 1e-30


@dataclass(frozen=True)
class MapData:
    """M-Loss of every node of every measured block.

    Args:
        sites: where each row was measured, `blocks.0.mlp.c_fc` and so on.
        blocks: block index of each row.
        node: M-Loss (block, node).
        node_error: standard error of `node` over images (block, node).
        block: M-Loss of each block, the mean over its nodes; `block_error` its standard error.
        images: squared differences by image, (block, image, node), or None when they were not kept.
    """

    sites: tuple[str, ...]
    blocks: tuple[int, ...]
    node: np.ndarray
    node_error: np.ndarray
    block: np.ndarray
    block_error: np.ndarray
    images: np.ndarray | None = None

    @property
    def nodes(self) -> int:
        """Nodes of one block."""
        return self.node.shape[1]


@dataclass(frozen=True)
class Cells:
    """Node groups of a map: what one cell of the heatmap shows.

    Args:
        first: index of each group's first node; `last` of its last one, both within the block.
        value: mean M-Loss of the group (block, group); `error` its standard error.
        worst: index of the group's most conflicted node (block, group).
    """

    first: np.ndarray
    last: np.ndarray
    value: np.ndarray
    error: np.ndarray
    worst: np.ndarray

    @property
    def centre(self) -> np.ndarray:
        """Middle of each group, on the axis of node indices."""
        return (self.first + self.last) / 2


def gather(data: MapData, size: int) -> Cells:
    """The nodes of each block in groups of `size` neighbours; the last group may be smaller.

    The standard error of a group follows from its images when they are there. Without them the nodes of a group are
    taken to err together, which is the cautious side.
    """
    first = np.arange(0, data.nodes, size)
    last = np.minimum(first + size, data.nodes) - 1
    counts = last - first + 1
    value = np.add.reduceat(data.node, first, axis=1) / counts
    if data.images is None:
        error = np.add.reduceat(data.node_error, first, axis=1) / counts
    else:
        by_image = np.add.reduceat(data.images, first, axis=2) / counts
        error = by_image.std(axis=1, ddof=1) / np.sqrt(by_image.shape[1])
    worst = np.stack([[a + row[a : b + 1].argmax() for a, b in zip(first, last, strict=True)] for row in data.node])
    return Cells(first, last, value, error, worst)


def scaled(value: np.ndarray, scale: str) -> np.ndarray:
    """Cell values as the colour shows them: as they are, their logarithm, or shares of the block's largest."""
    if scale == "Log":
        return np.log10(np.maximum(value, _TINY))
    if scale == "Per block":
        largest = value.max(axis=1, keepdims=True)
        return value / np.where(largest > 0, largest, 1.0)
    return value


def keep_rates(data: MapData, keep_rate: float, reach: float, blocks: Sequence[int] | None) -> np.ndarray:
    """Keep rate of every node (block, node) that k and e give; blocks that are not chosen keep k throughout."""
    chosen = set(data.blocks if blocks is None else blocks)
    return np.stack(
        [
            keep_rate_profile(row, keep_rate, reach) if block in chosen else np.full(data.nodes, keep_rate)
            for block, row in zip(data.blocks, data.node, strict=True)
        ]
    )


def order_of(data: MapData) -> list[tuple[int, int]]:
    """All (block, node) from the most to the least conflicted one; equal ones by block and node."""
    ranked = np.argsort(-data.node, axis=None, kind="stable")
    rows, nodes = np.unravel_index(ranked, data.node.shape)
    return [(data.blocks[row], int(node)) for row, node in zip(rows, nodes, strict=True)]


def cell_text(data: MapData, cells: Cells) -> list[str]:
    """Hover sentence of every cell, row by row."""
    return [
        f"Block {block}, {_nodes(a, b)}<br>M-Loss {measured(value, error)}"
        for block, values, errors in zip(data.blocks, cells.value, cells.error, strict=True)
        for a, b, value, error in zip(cells.first, cells.last, values, errors, strict=True)
    ]


def table(data: MapData) -> pd.DataFrame:
    """Every node as a row, for download: block, site, node, mloss, standard_error."""
    count = len(data.blocks)
    return pd.DataFrame(
        {
            "block": np.repeat(data.blocks, data.nodes),
            "site": np.repeat(data.sites, data.nodes),
            "node": np.tile(np.arange(data.nodes), count),
            "mloss": data.node.ravel(),
            "standard_error": data.node_error.ravel(),
        }
    )


def _nodes(first: int, last: int) -> str:
    return f"node {first}" if first == last else f"nodes {first}–{last}"


def map_of(payload: "Payload") -> MapData:
    """The map of a `measure` payload."""
    layers = payload.meta["layers"]
    sites = tuple(layer["site"] for layer in layers)
    arrays = payload.arrays
    images = [arrays.get(f"per_image/{site}") for site in sites]
    return MapData(
        sites=sites,
        blocks=tuple(int(layer["block"]) for layer in layers),
        node=np.stack([arrays[f"node/{site}"] for site in sites]).astype(np.float64),
        node_error=np.stack([arrays[f"standard_error/{site}"] for site in sites]).astype(np.float64),
        block=np.array([layer["mloss"] for layer in layers], dtype=np.float64),
        block_error=np.array([layer["standard_error"] for layer in layers], dtype=np.float64),
        images=None if any(array is None for array in images) else np.stack(images),
    )
