"""The recipes of the M-Loss project's published tables. Imports no torch."""

from collections.abc import Mapping

from mloss_core.evaluation.published.tables import PublishedRow, published_rows
from mloss_core.recipe import MLossOptions, Recipe

SEED = 42
"""Of random masks, as on the page."""
BACKBONES: Mapping[int, str] = {12: "ViT-B/32", 24: "ViT-L/14"}
"""Whose settings a zoo of so many blocks takes."""
ENSEMBLE = "Ensemble (features)"


def protocol_recipes(
    backbone: str, models: int, mloss: MLossOptions | None = None
) -> list[tuple[PublishedRow, Recipe | None]]:
    """Every row of the page's tables of a backbone, with the recipe that makes it; None for the Ensemble.

    Args:
        backbone: `ViT-B/32` or `ViT-L/14`.
        models: how many are merged: the page's Task Arithmetic scales the mean of the task vectors, not their sum.
        mloss: how M-Loss is measured; the `paper` preset by default.
    """
    guide = mloss or MLossOptions()
    return [(row, _recipe(row, models, guide)) for row in published_rows(backbone=backbone)]


def _recipe(row: PublishedRow, models: int, mloss: MLossOptions) -> Recipe | None:
    if row.method == ENSEMBLE:
        return None
    letters = _letters(row.setting)
    if row.method == "Simple Average":
        return Recipe(method="average")
    if row.method == "Task Arithmetic":
        return Recipe(method="task_arithmetic", options={"scale": letters["s"] / models})
    if row.method == "DARE":
        # The page's DARE elects signs and averages what agrees, as TIES does.
        return Recipe(method="dare", options={"keep_rate": letters["k"], "then": "elect"}, seed=SEED)
    if row.method == "TIES":
        return Recipe(method="ties", options={"keep_rate": letters["k"], "scope": "global"})
    options = {"keep_rate": letters["k"], "span": letters["e"]}
    return Recipe(method="m_ties", options=options, blocks=_blocks(row.blocks), mloss=mloss)


def _letters(setting: str) -> dict[str, float]:
    """`k 0.8, e 0.1` as {"k": 0.8, "e": 0.1}."""
    return {pair[0]: float(pair[1]) for words in setting.split(",") if len(pair := words.split()) == 2}


def _blocks(text: str) -> tuple[int, ...] | None:
    return None if text == "all" else tuple(int(word) for word in text.split(","))
