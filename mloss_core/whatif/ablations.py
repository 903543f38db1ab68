"""Layer ablation: where M-Loss keep rates apply, or where the merged update applies, by block."""

import time
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from mloss_core.caching import digest_of
from mloss_core.evaluation.controls import is_guided
from mloss_core.lazy_state import LazyState
from mloss_core.merging import MergeResult
from mloss_core.merging.labels import block_presets
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, silent
from mloss_core.vision.architecture import BLOCK_PREFIX
from mloss_core.whatif.measures import Measure, Point, flat_region

Sets = list[tuple[str, str, tuple[int, ...]]]


def block_sets(layers: int) -> Sets:
    """Sets of blocks with their group and label: each block alone, prefixes, suffixes, the papers' sets, all."""
    every = tuple(range(layers))
    papers = [(label, blocks) for label, blocks in block_presets(layers).items() if blocks is not None]
    return [
        *(("alone", str(block), (block,)) for block in every),
        *(("prefix", f"0–{last}", every[: last + 1]) for last in every[1:-1]),
        *(("suffix", f"{first}–{layers - 1}", every[first:]) for first in every[1:-1]),
        *(("paper", label, blocks) for label, blocks in papers),
        ("all", "all", every),
    ]


def ablation(measure: Measure, recipe: Recipe, progress: Progress = silent) -> dict[str, Any]:
    """A criterion by block.

    A recipe that follows M-Loss is repeated with its keep rates following it in those blocks alone (`of` is `guide`);
    of any other the merged update is added in those blocks alone, the rest staying pretrained (`of` is `update`).

    Returns:
        of; points, each with group (alone, prefix, suffix, paper, all), label, blocks, value, standard_error, tasks,
        flat; `best`, the place of the best; facts of the measure; seconds.
    """
    started = time.perf_counter()
    layers, guided = measure.bench.zoo.architecture.layers, is_guided(recipe)
    sets, found = block_sets(layers), []
    result = None if guided else measure.bench.merged(recipe)
    for place, (group, label, blocks) in enumerate(sets):
        progress(place / len(sets), f"{group} {label}")
        if result is None:
            everywhere = len(blocks) == layers
            found.append(measure.of(recipe.replace(blocks=None if everywhere else blocks)))
        else:
            found.append(_restricted(measure, result, blocks, group == "all"))
    progress(1.0, "measured")
    best, flat = flat_region(found)
    return {
        "recipe": recipe.to_dict(),
        "of": "guide" if guided else "update",
        "points": [
            {"group": group, "label": label, "blocks": list(blocks), **point.to_dict(), "flat": same}
            for (group, label, blocks), point, same in zip(sets, found, flat, strict=True)
        ],
        "best": best,
        **measure.facts(),
        "seconds": time.perf_counter() - started,
    }


def _restricted(measure: Measure, result: MergeResult, blocks: tuple[int, ...], everything: bool) -> Point:
    """The merge with its update in these blocks alone."""
    if everything:
        return measure.of_result(result)
    merged, base = result.state_dict(), measure.bench.zoo.pretrained.weights
    inside = tuple(BLOCK_PREFIX.format(block) for block in blocks)
    weights = _Partly(merged, base, inside)
    return measure.of_weights(weights, digest_of("blocks", result.digest, list(blocks)), f"{result.name}, some blocks")


class _Partly(LazyState):
    def __init__(self, merged: Mapping[str, Tensor], base: Mapping[str, Tensor], inside: tuple[str, ...]) -> None:
        super().__init__(base, lambda key: merged[key] if key.startswith(inside) else base[key].detach())
