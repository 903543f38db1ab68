"""The published tables of the M-Loss project, measured anew on a zoo: the same methods, settings and blocks."""

import dataclasses
import time
from collections.abc import Callable
from typing import Any

from mloss_core.errors import ZooError
from mloss_core.evaluation.published.recipes import BACKBONES, protocol_recipes
from mloss_core.evaluation.published.tables import PublishedRow, published_rows
from mloss_core.evaluation.rows import EvaluationRow
from mloss_core.evaluation.tables import evaluate_rows, evaluate_weights
from mloss_core.merging import merge
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.types import Progress, part, silent
from mloss_core.vision.architecture import Architecture
from mloss_core.zoo.model import Zoo

_SHAPES = {"ViT-B/32": (768, 12, 32), "ViT-L/14": (1024, 24, 14)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProtocolRow:
    """One row of the tables.

    Args:
        published: the row of the project's page that it repeats.
        recipe: the merge; None for the Ensemble.
        measured: what it reaches here.
        seconds: of merging.
    """

    published: PublishedRow
    recipe: Recipe | None
    measured: EvaluationRow
    seconds: float | None

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON; accuracies are fractions."""
        row = self.published
        return {
            "table": row.table,
            "method": row.method,
            "setting": row.setting,
            "blocks": row.blocks,
            "recipe": None if self.recipe is None else self.recipe.to_dict(),
            "measured": self.measured.to_dict(),
            "seconds": self.seconds,
            "published": {"average": row.average, "variance": row.variance, "tasks": dict(row.accuracy)},
        }


def backbone_of(architecture: Architecture) -> str:
    """The published backbone whose settings an encoder takes, by its depth.

    Raises:
        ZooError: neither 12 nor 24 blocks.
    """
    if architecture.layers not in BACKBONES:
        depths = " and ".join(map(str, BACKBONES))
        raise ZooError(
            f"the published settings are for {depths} blocks; this encoder has {architecture.layers}. Name blocks and "
            "options in recipes of your own."
        )
    return BACKBONES[architecture.layers]


def comparable(zoo: Zoo, backbone: str) -> str:
    """Why the zoo's figures cannot be set beside the published ones; empty where they can."""
    shape = zoo.architecture
    if (shape.width, shape.layers, shape.patch) != _SHAPES[backbone]:
        return f"the encoder is {shape.name}, not {backbone}"
    named = {task.lower() for task in published_rows(1, backbone)[0].accuracy}
    # Folders and repositories spell them in many ways: Cars, stanford-cars.
    unknown = [task for task in zoo.tasks if not any(name in task.lower() for name in named)]
    if unknown or len(zoo.tasks) != len(named):
        return "the tasks are not the eight of the page"
    return ""


def run_protocol(
    zoo: Zoo,
    mloss: MLossOptions | None = None,
    split: str = "test",
    progress: Progress = silent,
    told: Callable[[ProtocolRow], None] | None = None,
) -> list[ProtocolRow]:
    """Merge and evaluate every row of the page's tables for the zoo's depth, one merged model in memory at a time.

    Args:
        zoo: encoders, heads and datasets; `zoo.limited` makes a quick look of it.
        mloss: how M-Loss is measured; the `paper` preset by default.
        split: what accuracies are measured on.
        progress: told how far it is.
        told: given each row as soon as it is there.

    Raises:
        ZooError: another depth, or a task without images or head.
    """
    backbone = backbone_of(zoo.architecture)
    planned = protocol_recipes(backbone, len(zoo.tasks), mloss)
    share = 1 / (len(planned) + 1)
    known: dict[str, tuple[EvaluationRow, float]] = {}
    rows = evaluate_rows(zoo, (), split, progress=part(progress, 0, share))
    ensemble = next(row for row in rows if row.key == "ensemble_features")
    found = []
    for place, (published, recipe) in enumerate(planned, 1):
        step = part(progress, place * share, (place + 1) * share)
        measured, seconds = (ensemble, None) if recipe is None else _measured(zoo, recipe, split, known, step)
        found.append(ProtocolRow(published=published, recipe=recipe, measured=measured, seconds=seconds))
        if told is not None:
            told(found[-1])
    progress(1.0, "protocol done")
    return found


def _measured(
    zoo: Zoo, recipe: Recipe, split: str, known: "dict[str, tuple[EvaluationRow, float]]", progress: Progress
) -> tuple[EvaluationRow, float]:
    """The row of a recipe; Tables 2 and 3 repeat one of Table 1."""
    if recipe.digest not in known:
        started = time.perf_counter()
        result = merge(zoo, recipe, progress=part(progress, 0, 0.3))
        seconds = time.perf_counter() - started
        known[recipe.digest] = evaluate_weights(zoo, result, split=split, progress=part(progress, 0.3, 1)), seconds
    return known[recipe.digest]
