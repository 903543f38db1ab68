"""What stands out in an M-Loss map, in a sentence or two."""

from collections.abc import Sequence

import numpy as np

AGREEMENT = "The M-Loss is zero everywhere: these models agree on every image, so merging them loses nothing here."


def notice(blocks: Sequence[int], node: np.ndarray) -> str:
    """Which blocks hold most of the M-Loss, or that it is spread, and how much the most conflicted nodes hold.

    Args:
        blocks: block indices.
        node: M-Loss, (block, node).
    """
    total = float(node.sum())
    if total <= 0:
        return AGREEMENT
    share = node.sum(axis=1) / total
    order = np.argsort(-share, kind="stable")
    heavy = order[: int(np.searchsorted(np.cumsum(share[order]), 0.5 - 1e-9)) + 1]
    flat = np.sort(node, axis=None)[::-1]
    sharpest = flat[: max(1, flat.size // 100)].sum() / total
    return f"{_blocks(blocks, share, heavy)} The most conflicted 1 % of nodes carry {100 * sharpest:.0f} %."


def _blocks(blocks: Sequence[int], share: np.ndarray, heavy: np.ndarray) -> str:
    if len(heavy) == 1:
        return f"Block {blocks[heavy[0]]} carries {_portion(share, heavy)}."
    if 3 * len(heavy) > len(blocks):
        top = heavy[:1]
        return f"M-Loss is spread over the blocks; block {blocks[top[0]]} carries the most, {_portion(share, top)}."
    *names, last = sorted(blocks[row] for row in heavy)
    return f"Blocks {', '.join(map(str, names))} and {last} carry {_portion(share, heavy)}."


def _portion(share: np.ndarray, rows: np.ndarray) -> str:
    alike = len(rows) / len(share)
    return f"{100 * share[rows].sum():.0f} % of the M-Loss ({100 * alike:.0f} % if all blocks were alike)"
