"""How much of a figure is luck: of the seed, and of how many unlabeled images M-Loss is measured on."""

import dataclasses
import time
from typing import Any

import numpy as np
from scipy.stats import spearmanr

from mloss_core.errors import InvalidOptionError
from mloss_core.merging import needs_measuring
from mloss_core.merging.methods import check_recipe, guides, uses_seed
from mloss_core.merging.sparsifiers.keep_rates import keep_rate_profile
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, silent
from mloss_core.vision.architecture import scored_weight
from mloss_core.whatif.measures import Measure
from mloss_core.whatif.workbench import Workbench

COUNTS = (1, 2, 4, 8, 16, 32, 64, 128)
SEEDS = 8


def seed_spread(measure: Measure, recipe: Recipe, seeds: int = SEEDS, progress: Progress = silent) -> dict[str, Any]:
    """A criterion by seed: of the random masks where the method draws some, of the image draw where M-Loss guides.

    Returns:
        points, each with `of` (`masks` or `images`), seed, value, standard_error and tasks; `spread`, for each of both
        the mean and the standard deviation over seeds; facts of the measure; seconds.

    Raises:
        InvalidOptionError: nothing in the recipe is drawn at random, or fewer than two seeds.
    """
    started = time.perf_counter()
    if seeds < 2:
        raise InvalidOptionError(f"a spread over seeds needs at least two of them; found {seeds}.")
    method, options = check_recipe(recipe)
    values = {field.name: getattr(options, field.name) for field in dataclasses.fields(options)}
    variants: list[tuple[str, int, Recipe]] = []
    if uses_seed(method, values, recipe.pre):
        variants += [("masks", seed, recipe.replace(seed=seed)) for seed in range(seeds)]
    if needs_measuring(recipe):
        draws = [dataclasses.replace(recipe.mloss, seed=seed) for seed in range(seeds)]
        variants += [("images", draw.seed, recipe.replace(mloss=draw)) for draw in draws]
    if not variants:
        raise InvalidOptionError(
            f"nothing in this recipe is drawn at random: {method.title} gives the same every time."
        )
    points = []
    for place, (of, seed, variant) in enumerate(variants):
        progress(place / len(variants), f"seed {seed}")
        points.append({"of": of, "seed": seed, **measure.of(variant).to_dict()})
    progress(1.0, "measured")
    spread = {}
    for of in dict.fromkeys(point["of"] for point in points):
        listed = [point["value"] for point in points if point["of"] == of]
        spread[of] = {"mean": float(np.mean(listed)), "deviation": float(np.std(listed, ddof=1))}
    return {
        "recipe": recipe.to_dict(),
        "points": points,
        "spread": spread,
        **measure.facts(),
        "seconds": time.perf_counter() - started,
    }


def sample_curve(measure: Measure, recipe: Recipe, progress: Progress = silent) -> dict[str, Any]:
    """How many unlabeled images until ranks, keep rates and the criterion stop moving.

    A larger draw extends the smaller one. Ranks are compared with those of the largest draw: Spearman's correlation of
    the nodes' M-Loss, mean over the guided blocks. Keep rates by their mean absolute difference.

    Returns:
        points, each with samples (a task), rank_correlation, keep_rate_shift, value, standard_error and tasks; facts of
        the measure; seconds.

    Raises:
        InvalidOptionError: a recipe that follows no M-Loss.
    """
    started = time.perf_counter()
    if not needs_measuring(recipe):
        raise InvalidOptionError("a sample-size curve is of recipes that follow M-Loss; this one measures none.")
    counts = _counts(measure.bench, recipe)
    variants = [recipe.replace(mloss=dataclasses.replace(recipe.mloss, samples_per_task=count)) for count in counts]
    scores, points = [], []
    for place, variant in enumerate(variants):
        progress(place / len(variants), f"{counts[place]} images a task")
        scores.append(_scores(measure.bench, variant))
        points.append({"samples": counts[place], **measure.of(variant).to_dict()})
    rates = [_rates(recipe, found) for found in scores]
    for point, found, kept in zip(points, scores, rates, strict=True):
        matches = [float(spearmanr(found[block], scores[-1][block]).statistic) for block in found]
        point["rank_correlation"] = float(np.mean(matches))
        point["keep_rate_shift"] = float(np.mean([np.abs(kept[block] - rates[-1][block]).mean() for block in kept]))
    progress(1.0, "measured")
    return {"recipe": recipe.to_dict(), "points": points, **measure.facts(), "seconds": time.perf_counter() - started}


def _counts(bench: Workbench, recipe: Recipe) -> list[int]:
    zoo = bench.zoo.subset(recipe.tasks)
    zoo.require_datasets(None, "M-Loss needs")
    least = min(zoo.datasets[task].size("train") for task in zoo.tasks)
    return [count for count in COUNTS if count <= least] or [least]


def _scores(bench: Workbench, recipe: Recipe) -> dict[int, np.ndarray]:
    report = bench.report(recipe.tasks, recipe.mloss)
    blocks = report.blocks if recipe.blocks is None else recipe.blocks
    values = dict(zip(report.blocks, report.values, strict=True))
    return {block: values[block] for block in blocks}


def _rates(recipe: Recipe, scores: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    guide = next(guide for guide in guides(recipe) if guide.span > 0)
    return {
        block: keep_rate_profile(
            values,
            guide.keep_rate,
            guide.span,
            guide.ranking,
            guide.schedule,
            seed=recipe.seed,
            key=scored_weight(block),
        )
        for block, values in scores.items()
    }
