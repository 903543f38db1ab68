"""Measuring M-Loss on a zoo: one shared forward for the inputs, the sources streamed through every site."""

import dataclasses
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from mloss_core.caching import REPORTS, Cache, digest_of
from mloss_core.errors import CacheError, InvalidOptionError
from mloss_core.mloss.accumulate import SiteSums, SiteValues, source_layers
from mloss_core.mloss.inputs import feeding_networks, site_inputs
from mloss_core.mloss.node import Linear, check_weights
from mloss_core.mloss.report import MLossReport
from mloss_core.mloss.sampling import resampled_counts
from mloss_core.outputs.calibration import CalibrationSet, draw_calibration, reference_shares, small_pools
from mloss_core.recipe import MLossOptions
from mloss_core.state_dicts import state_digest
from mloss_core.types import Progress, StateDict, silent
from mloss_core.vision.architecture import check_blocks
from mloss_core.vision.towers import activation_function
from mloss_core.zoo.model import Zoo

KEPT_BYTES = 1 << 28
"""Per-image node values are kept up to this size, for sampling curves and the errors of node groups."""
"""Kind of the cache entries that hold reports, each under its report's digest."""
_REVISION = 3
"""Raise when the same options give other values: older cached reports are then left alone."""


def measure_mloss(
    zoo: Zoo,
    tasks: "Sequence[str] | None" = None,
    samples_per_task: int | None = None,
    seed: int | None = None,
    preset: "str | MLossOptions | None" = "paper",
    *,
    options: MLossOptions | None = None,
    blocks: "Sequence[int] | None" = None,
    inputs_of: StateDict | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> MLossReport:
    """Measure how far the average of the models is from the average of their activations, at every node.

    Args:
        zoo: pretrained encoder, fine-tuned encoders and their datasets.
        tasks: the models to measure, all by default.
        samples_per_task: unlabeled training images from each task; the options' own by default.
        seed: of the image draw; the options' own by default.
        preset: `paper`, `reference`, or full options.
        options: the same as full options in `preset`.
        blocks: block indices, all by default.
        inputs_of: weights of a network that feeds the sites instead of the option `input_mode`, a merged model's say.
        progress: told how far the measurement is; may raise to stop it.
        cache: where results are kept; the default cache.

    Raises:
        InvalidOptionError: options that do not fit the zoo. LayerNotFoundError: a block that does not exist.
        DatasetError, ZooError: too few images, or none.
    """
    chosen = options or (preset if isinstance(preset, MLossOptions) else MLossOptions.preset(preset or "paper"))
    changes: dict[str, Any] = {"samples_per_task": samples_per_task, "seed": seed}
    chosen = dataclasses.replace(chosen, **{name: value for name, value in changes.items() if value is not None})
    chosen_zoo = chosen_models(zoo, tasks, chosen)
    wanted = check_blocks(None if blocks is None else tuple(sorted(set(blocks))), zoo.architecture.layers)
    given = None if inputs_of is None else state_digest(inputs_of)
    facts = [chosen_zoo.digest, zoo.architecture.to_dict(), list(chosen_zoo.tasks), chosen.to_dict(), wanted, given]
    key = digest_of("mloss", _REVISION, *facts)
    store = cache or Cache()
    entry = store.get(REPORTS, key)
    if entry is not None:
        return MLossReport.from_entry(entry.meta, entry.arrays)
    report = _measured(chosen_zoo, chosen, wanted, inputs_of, progress)
    report = dataclasses.replace(report, digest=key, inputs_digest=given)
    try:
        store.put(REPORTS, key, *report.to_entry())
    except CacheError as error:
        report = dataclasses.replace(report, notes=(*report.notes, f"Not kept for later: {error}"))
    return report


def chosen_models(zoo: Zoo, tasks: "Sequence[str] | None", options: MLossOptions) -> Zoo:
    """The zoo of the chosen tasks, with weights that fit them.

    Raises:
        InvalidOptionError: another number of weights than tasks, or weights for tasks in another order than the zoo's.
        UnknownNameError, ZooError: a task that the zoo lacks, or none.
    """
    chosen = zoo.subset(None if tasks is None else tuple(tasks))
    check_weights(options.weights, len(chosen.tasks))
    if options.weights is not None and tasks is not None and tuple(tasks) != chosen.tasks:
        raise InvalidOptionError(
            f"weights go by the zoo's order of tasks; found {', '.join(tasks)}. Name them as {', '.join(chosen.tasks)}."
        )
    return chosen


def activation_of(zoo: Zoo, options: MLossOptions) -> tuple[str, Callable[[Tensor], Tensor]]:
    """Name and function of the non-linearity inside M-Loss, `auto` resolved."""
    name = zoo.architecture.activation if options.activation == "auto" else options.activation
    return name, activation_function(name, options.slope)


def image_shares(images: CalibrationSet, options: MLossOptions, blocks: Sequence[int]) -> Tensor:
    """How much each image counts at each block, (block, image), rows summing to 1."""
    if options.sampling == "reference":
        return torch.from_numpy(reference_shares(len(images), blocks, options.seed))
    return torch.full((len(blocks), len(images)), 1 / len(images))


def reduced(squares: Tensor, options: MLossOptions) -> Tensor:
    """A mean of squares as the options report it."""
    return squares.sqrt() if options.reduction == "root_mean_square" else squares


def _measured(
    zoo: Zoo, options: MLossOptions, blocks: tuple[int, ...], given: StateDict | None, progress: Progress
) -> MLossReport:
    start = time.perf_counter()
    progress(0.0, "drawing images")
    images = draw_calibration(
        zoo,
        samples_per_task=options.samples_per_task,
        seed=options.seed,
        sampling=options.sampling,
        preprocess=options.preprocess,
    )
    activation, phi = activation_of(zoo, options)
    measured = _stream(zoo, options, blocks, given, images, phi, progress)
    sites = {zoo.architecture.sites[block]: values for block, values in zip(blocks, measured, strict=True)}
    rows = [
        {
            "block": block,
            "site": site,
            "nodes": len(values.node),
            "mloss": values.mloss,
            "normalised": values.normalised,
            "standard_error": values.standard_error,
        }
        for block, (site, values) in zip(blocks, sites.items(), strict=True)
    ]
    return MLossReport(
        options=options,
        activation=activation,
        tasks=zoo.tasks,
        zoo_digest=zoo.digest,
        node_values={site: values.node for site, values in sites.items()},
        node_errors={site: values.node_error for site, values in sites.items()},
        layers=pd.DataFrame(rows),
        per_image={site: values.images for site, values in sites.items() if values.images is not None},
        image_task=np.asarray(images.task),
        image_index=np.asarray(images.index),
        notes=_notes(zoo, images, options),
        seconds=time.perf_counter() - start,
    )


@torch.inference_mode()
def _stream(
    zoo: Zoo,
    options: MLossOptions,
    blocks: tuple[int, ...],
    given: StateDict | None,
    images: CalibrationSet,
    phi: Callable[[Tensor], Tensor],
    progress: Progress,
) -> list[SiteValues]:
    weights = check_weights(options.weights, len(zoo.tasks))
    networks = feeding_networks(zoo, options.input_mode, weights, given)
    nodes = zoo.architecture.mlp_width
    # At reference sampling an image counts differently at every block: its values alone would not say how much.
    keep = options.sampling == "balanced" and 4 * len(images) * nodes * len(blocks) <= KEPT_BYTES
    shares = image_shares(images, options, blocks).to(zoo.device)
    counts = torch.from_numpy(resampled_counts(images.task, seed=options.seed)).to(zoo.device)
    sums = {block: SiteSums(nodes, share, counts, keep=keep) for block, share in zip(blocks, shares, strict=True)}
    layers: list[Linear] = []
    loaded, done = -1, 0
    for batch in site_inputs(zoo, networks, images.images, blocks, options.tokens):
        if batch.block != loaded:
            layers = []  # Let go of the last block's before the next one's are read.
            layers, loaded = source_layers(zoo, batch.block), batch.block
        sums[batch.block].add(batch, layers, weights, phi)
        done += batch.images.stop - batch.images.start
        progress(done / (len(images) * len(blocks)), f"block {batch.block}")
    return [sums[block].values(lambda squares: reduced(squares, options)) for block in blocks]


def _notes(zoo: Zoo, images: CalibrationSet, options: MLossOptions) -> tuple[str, ...]:
    if options.sampling == "balanced":
        return ()
    pool = f"Reference sampling: a pool of {len(images)} training images, 8 batches of 128 at each block."
    small = small_pools(zoo, zoo.tasks)
    if not small:
        return (pool,)
    which = ", ".join(f"{task} ({count})" for task, count in small.items())
    return (pool, f"Training splits with fewer than the 100 images that the published code draws at least: {which}.")


def require_two(tasks: Sequence[str]) -> None:
    """Refuse a single model where a comparison needs two.

    Raises:
        InvalidOptionError: fewer than two models.
    """
    if len(tasks) < 2:
        raise InvalidOptionError(f"at least two models are needed to disagree; {len(tasks)} is chosen.")
