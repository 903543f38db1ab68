"""M-Loss of every pair of models, by block: the n = 2 case with equal weights, on images of the pair's two tasks."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError
from mloss_core.mloss import measure_mloss
from mloss_core.mloss.accumulate import source_layers
from mloss_core.mloss.inputs import SiteInputs, feeding_networks, site_inputs
from mloss_core.mloss.measure import activation_of, reduced
from mloss_core.mloss.node import Linear, image_sums
from mloss_core.outputs.calibration import CalibrationSet, draw_calibration
from mloss_core.recipe import MLossOptions
from mloss_core.state_dicts import LazyAverage
from mloss_core.types import Progress
from mloss_core.zoo.model import Zoo

Pair = tuple[str, str]
Found = Iterator[tuple[Pair, Mapping[str, np.ndarray]]]
_HALVES = (0.5, 0.5)
_CHUNK_BYTES = 2**28
"""Memory that the pre-activations of all models at one site may take."""


def mloss_of_pairs(zoo: Zoo, pairs: Sequence[Pair], options: MLossOptions, progress: Progress, cache: Cache) -> Found:
    """M-Loss of each pair in every block: what `measure_mloss(zoo, tasks=pair)` gives, without its sampling error.

    The images are drawn once for all pairs. With `progressive` inputs every pair has its own network, the average of
    its two models; with `pretrained` or `own` inputs each model's pre-activations are computed once a block and all of
    its pairs reuse them.

    Args:
        zoo: the models.
        pairs: tasks, two by two.
        options: as for `measure_mloss`, without weights.
        progress: told after each pair or block.
        cache: for what `measure_mloss` keeps, where it is called.

    Yields:
        the pair, and by block as float64 (block,): `mloss`, mean over nodes; `normalised`, the scale-free layer form.

    Raises:
        InvalidOptionError: options with weights of models.
        ZooError, DatasetError: no images for a task, or too few.
    """
    if options.weights is not None:
        raise InvalidOptionError("weights belong to one set of models; pairs are measured with equal ones. Leave them.")
    if options.sampling != "balanced":
        yield from _one_by_one(zoo, pairs, options, progress, cache)
        return
    tasks = tuple(dict.fromkeys(itertools.chain.from_iterable(pairs)))
    chosen = zoo.subset(tasks)
    images = draw_calibration(
        chosen, samples_per_task=options.samples_per_task, seed=options.seed, preprocess=options.preprocess
    )
    measure = _progressive if options.input_mode == "progressive" else _shared
    yield from measure(chosen, pairs, images, options, progress)


def mloss_identity(zoo: Zoo, pair: Pair, options: MLossOptions) -> Any:
    """Plain values that a pair's M-Loss depends on, beside the weights."""
    digests = [zoo.datasets[task].digest for task in pair if task in zoo.datasets]
    return [zoo.architecture.to_dict(), options.to_dict(), digests]


def _one_by_one(zoo: Zoo, pairs: Sequence[Pair], options: MLossOptions, progress: Progress, cache: Cache) -> Found:
    """The published code's sampling draws images for each block anew, so nothing can be shared between pairs."""
    for position, pair in enumerate(pairs):
        progress(position / len(pairs), f"M-Loss of {' and '.join(pair)}")
        layers = measure_mloss(zoo, tasks=pair, options=options, cache=cache).layers
        yield pair, {name: layers[name].to_numpy(np.float64) for name in ("mloss", "normalised")}


def _progressive(
    zoo: Zoo, pairs: Sequence[Pair], images: CalibrationSet, options: MLossOptions, progress: Progress
) -> Found:
    layers = _layers(zoo)
    for position, pair in enumerate(pairs):
        progress(position / len(pairs), f"M-Loss of {' and '.join(pair)}")
        yield pair, _through_their_average(zoo, pair, images, options, layers)


@torch.inference_mode()
def _through_their_average(
    zoo: Zoo, pair: Pair, images: CalibrationSet, options: MLossOptions, layers: list[list[Linear]]
) -> Mapping[str, np.ndarray]:
    (_, phi), places = activation_of(zoo, options), [zoo.tasks.index(task) for task in pair]
    rows = torch.as_tensor(np.flatnonzero(np.isin(images.task, places)))
    network = LazyAverage([zoo.finetuned[task].weights for task in pair])
    sums = _Sums(zoo, 1)
    for batch in site_inputs(zoo, [network], images.images[rows], range(len(layers)), options.tokens):
        of_pair = [layers[batch.block][place] for place in places]
        squares, ratios = image_sums(batch.inputs, of_pair, _HALVES, phi)
        sums.add(0, batch.block, squares.sum(0), ratios)
    return sums.means(0, len(rows), options)


@torch.inference_mode()
def _shared(
    zoo: Zoo, pairs: Sequence[Pair], images: CalibrationSet, options: MLossOptions, progress: Progress
) -> list[tuple[Pair, Mapping[str, np.ndarray]]]:
    layers, sums, done = _layers(zoo), _Sums(zoo, len(pairs)), 0
    networks = feeding_networks(zoo, options.input_mode, [1 / len(zoo.tasks)] * len(zoo.tasks))
    places = [[zoo.tasks.index(task) for task in pair] for pair in pairs]
    for batch in site_inputs(zoo, networks, images.images, range(len(layers)), options.tokens):
        progress(done / (len(images) * len(layers)), f"block {batch.block}")
        done += batch.images.stop - batch.images.start
        for rows, inputs in _chunks(zoo, batch):
            mine = [
                torch.as_tensor(np.flatnonzero(np.isin(images.task[rows], pair)), device=zoo.device) for pair in places
            ]
            for index, found in _pairs_at(layers[batch.block], inputs, places, mine, activation_of(zoo, options)[1]):
                sums.add(index, batch.block, *found)
    counts = [int(np.isin(images.task, pair).sum()) for pair in places]
    return [(pair, sums.means(index, counts[index], options)) for index, pair in enumerate(pairs)]


def _chunks(zoo: Zoo, batch: SiteInputs) -> Iterator[tuple[slice, list[Tensor]]]:
    """The batch in parts whose pre-activations, before and after the activation, fit for all models at one site."""
    shape = zoo.architecture
    size = max(1, _CHUNK_BYTES // (8 * len(zoo.tasks) * shape.tokens * shape.mlp_width))
    for start in range(batch.images.start, batch.images.stop, size):
        rows = slice(start, min(start + size, batch.images.stop))
        yield rows, [part[rows.start - batch.images.start :][:size] for part in batch.inputs]


def _pairs_at(
    layers: list[Linear], inputs: list[Tensor], places: list[list[int]], mine: list[Tensor], phi: Any
) -> Iterator[tuple[int, tuple[Tensor, Tensor]]]:
    """Index and sums of every pair that has images here; each model's pre-activations are computed once."""
    z = [
        torch.nn.functional.linear(inputs[model if len(inputs) > 1 else 0], *layer)
        for model, layer in enumerate(layers)
    ]
    activated = [phi(one) for one in z]
    for index, ((a, b), rows) in enumerate(zip(places, mine, strict=True)):
        if len(rows):
            yield index, _pair_sums(z[a], z[b], activated[a], activated[b], rows, phi)


def _pair_sums(a: Tensor, b: Tensor, phi_a: Tensor, phi_b: Tensor, rows: Tensor, phi: Any) -> tuple[Tensor, Tensor]:
    """Sum over images of node M-Loss (node,), and the scale-free layer form of each image (image,)."""
    merged = phi((a[rows] + b[rows]) / 2)
    squared = (merged - (phi_a[rows] + phi_b[rows]) / 2).square_()
    ratios = squared.sum((1, 2)).sqrt() / (merged.square_().sum((1, 2)).sqrt() + 1e-8)
    return squared.mean(1).sum(0), ratios


class _Sums:
    """Running sums over images: node M-Loss (pair, block, node) and the scale-free layer form (pair, block)."""

    def __init__(self, zoo: Zoo, pairs: int) -> None:
        shape = zoo.architecture
        self._nodes = torch.zeros(pairs, shape.layers, shape.mlp_width, dtype=torch.float64, device=zoo.device)
        self._ratios = torch.zeros(pairs, shape.layers, dtype=torch.float64, device=zoo.device)

    def add(self, pair: int, block: int, nodes: Tensor, ratios: Tensor) -> None:
        self._nodes[pair, block] += nodes
        self._ratios[pair, block] += ratios.double().sum()

    def means(self, pair: int, images: int, options: MLossOptions) -> dict[str, np.ndarray]:
        nodes = self._nodes[pair] / images
        return {
            "mloss": reduced(nodes, options).mean(1).cpu().numpy(),
            "normalised": (self._ratios[pair] / images).cpu().numpy(),
        }


def _layers(zoo: Zoo) -> list[list[Linear]]:
    """By block and model: weight and bias of the layer in front of the activation."""
    return [source_layers(zoo, block) for block in range(zoo.architecture.layers)]
