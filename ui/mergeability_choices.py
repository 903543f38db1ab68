"""What the Mergeability page can show about pairs: each number with its meaning, its direction and where to find it."""

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from ui import formats
from ui.mergeability_data import View, matrix


@dataclasses.dataclass(frozen=True)
class PairNumber:
    """One number about a pair of models.

    Args:
        name: the word that a link carries.
        title: what people call it.
        meaning: one sentence: what it is and which end promises a good merge.
        higher_is_better: whether large values promise a good merge.
        diverging: whether zero is a real middle.
        reason: why a pair may have no such number.
        by_block: whether it exists for each block.
    """

    name: str
    title: str
    meaning: str
    higher_is_better: bool
    diverging: bool
    reason: str
    by_block: bool = False


NUMBERS: dict[str, PairNumber] = {
    number.name: number
    for number in (
        PairNumber(
            "mloss", "M-Loss",
            "How far the output of the averaged pair lies from the average of their outputs, squared, mean over nodes. "
            "Lower promises a better merge.",
            higher_is_better=False, diverging=False, by_block=True,
            reason="M-Loss was not measured for this pair",
        ),
        PairNumber(
            "normalised", "Normalised M-Loss",
            "M-Loss relative to the size of the averaged pair's output, so that blocks of different scale compare. "
            "Lower promises a better merge.",
            higher_is_better=False, diverging=False, by_block=True,
            reason="M-Loss was not measured for this pair, or the averaged output is zero",
        ),
        PairNumber(
            "task_vector_cosine", "Task-vector cosine",
            "Cosine of the angle between the two task vectors: 1 when fine-tuning moved both models the same way, 0 "
            "when the changes have nothing in common, below 0 when they oppose. Higher promises a better merge.",
            higher_is_better=True, diverging=True, reason="one of the task vectors is zero",
        ),
        PairNumber(
            "sign_conflict", "Sign conflict",
            "Share of the weights that both models changed and in which they changed in opposite directions; 0.5 is "
            "what chance would give. Lower promises a better merge.",
            higher_is_better=False, diverging=False, reason="the two models changed no weight in common",
        ),
    )
}  # fmt: skip
DEFAULT = "mloss"


def pair_view(
    pairs: pd.DataFrame, blocks: pd.DataFrame, tasks: Sequence[str], number: PairNumber, block: int | None
) -> View:
    """The matrix of a number over the chosen tasks.

    Args:
        pairs: a row a pair with `task_a`, `task_b` and the numbers that exist for whole models.
        blocks: a row a pair and block with `task_a`, `task_b`, `block`, `mloss` and `normalised`.
        block: a block, or None for the whole model: the mean over blocks of numbers that exist by block.
    """
    if not number.by_block:
        source = pairs
    elif block is None:
        source = blocks.groupby(["task_a", "task_b"], as_index=False, sort=False)[number.name].mean()
    else:
        source = blocks[blocks["block"] == block]
    return View(tuple(tasks), matrix(source, tasks, number.name), number.higher_is_better)


def number_text(number: PairNumber, value: float) -> str:
    """The number as the page writes it; a word when there is none."""
    if not np.isfinite(value):
        return "none"
    return formats.engineering(value) if number.name == DEFAULT else f"{value:.3f}".replace("-", "−")


def where(number: PairNumber, block: int | None) -> str:
    """Over what the number is taken, for titles."""
    if not number.by_block:
        return "all weights"
    return "all blocks" if block is None else f"block {block}"
