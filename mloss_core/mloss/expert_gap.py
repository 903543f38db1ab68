"""The expert gap: how far the merged model's activations are from those of the task's own fine-tuned model.

On the inputs of task t, at one node, with z_i of model i in front of phi and weights w_i:

    phi(mean z) - phi(z_t)  =  [phi(mean z) - mean phi(z)]  +  [mean phi(z) - phi(z_t)]

The mean square of the left side is the expert gap, that of the first bracket M-Loss, that of the second the Ensemble
gap: how far the Ensemble itself is from the task's own expert. M-Loss is silent about the second.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from mloss_core.caching import REPORTS, Cache, digest_of
from mloss_core.mloss.accumulate import source_layers
from mloss_core.mloss.inputs import feeding_networks, site_inputs
from mloss_core.mloss.measure import activation_of, chosen_models, reduced
from mloss_core.mloss.node import CHUNK_VALUES, Linear, check_weights, difference
from mloss_core.mloss.sampling import resampled_errors
from mloss_core.outputs.calibration import CalibrationSet, draw_calibration
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress, silent
from mloss_core.zoo.model import Zoo

PARTS = ("expert_gap", "ensemble_gap", "mloss")
_REVISION = 1
"""Raise when the same options give other values: older cached gaps are then left alone."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExpertGapReport:
    """The expert gap of every node of every block, with its two parts.

    Args:
        tasks: the models, in order.
        layers: one row a block: block, site, nodes, and by name, mean over nodes: expert_gap, ensemble_gap, mloss
            (squared activations), each with `_standard_error` from resampling images; `expert_gap_normalised` and
            `ensemble_gap_normalised`: mean over images of the norm of the difference over the norm of the merged
            activation, as M-Loss is normalised.
        nodes: part -> (block, node): mean over the own task's tokens, then over tasks, of the squared difference.
        images: number of images in all.
        seconds: wall time.
    """

    tasks: tuple[str, ...]
    layers: pd.DataFrame
    nodes: Mapping[str, NDArray[np.float32]]
    images: int
    seconds: float = 0.0

    def ratio(self) -> NDArray[np.float64]:
        """How many times M-Loss the Ensemble gap is, (block,); infinite where M-Loss is 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self.layers["ensemble_gap"].to_numpy() / self.layers["mloss"].to_numpy()


def measure_expert_gap(
    zoo: Zoo,
    tasks: "Sequence[str] | None" = None,
    options: MLossOptions | None = None,
    *,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> ExpertGapReport:
    """Measure the expert gap of the Simple Average, on each task's own images.

    Args:
        zoo: pretrained encoder, fine-tuned encoders and their datasets.
        tasks: the models to measure, all by default.
        options: as for `measure_mloss`: its draw of images, its inputs, its activation, its weights of models.
        progress: told how far the measurement is; may raise to stop it.
        cache: where results are kept; the default cache.

    Raises:
        InvalidOptionError: options that do not fit the zoo. DatasetError, ZooError: too few images, or none.
    """
    options = options or MLossOptions()
    chosen = chosen_models(zoo, tasks, options)
    facts = [chosen.digest, zoo.architecture.to_dict(), list(chosen.tasks), options.to_dict()]
    key, store = digest_of("expert_gap", _REVISION, *facts), cache or Cache()

    def measured() -> tuple[Mapping[str, Any], dict[str, np.ndarray]]:
        started = time.perf_counter()
        progress(0.0, "drawing images")
        images = draw_calibration(
            chosen,
            samples_per_task=options.samples_per_task,
            seed=options.seed,
            sampling=options.sampling,
            preprocess=options.preprocess,
        )
        rows, nodes = gap_layers(chosen, images, options, progress)
        return {"layers": rows, "images": len(images), "seconds": time.perf_counter() - started}, nodes

    entry = store.remember(REPORTS, key, measured)
    return ExpertGapReport(
        tasks=chosen.tasks,
        layers=pd.DataFrame(entry.meta["layers"]),
        nodes={part: entry.arrays[part] for part in PARTS},
        images=entry.meta["images"],
        seconds=entry.meta["seconds"],
    )


@torch.inference_mode()
def gap_layers(
    zoo: Zoo, images: CalibrationSet, options: MLossOptions, progress: Progress = silent
) -> tuple[list[dict[str, Any]], dict[str, np.ndarray]]:
    """The gaps on images that are drawn already.

    Args:
        zoo: the models to measure, and no others.
        images: their `task` is the position of the own expert in the zoo's tasks; every task has some.
        options: as in `measure_expert_gap`.
        progress: told after every batch.

    Returns:
        The rows of `ExpertGapReport.layers`, and its nodes.
    """
    weights, (_, phi) = check_weights(options.weights, len(zoo.tasks)), activation_of(zoo, options)
    networks = feeding_networks(zoo, options.input_mode, weights)
    blocks = range(zoo.architecture.layers)
    own = torch.as_tensor(images.task, device=zoo.device)
    sums = {block: _Sums(own, len(zoo.tasks), zoo.architecture.mlp_width) for block in blocks}
    layers: list[Linear] = []
    loaded, done = -1, 0
    for batch in site_inputs(zoo, networks, images.images, blocks, options.tokens):
        if batch.block != loaded:
            layers = []  # Let go of the last block's before the next one's are read.
            layers, loaded = source_layers(zoo, batch.block), batch.block
        sums[batch.block].add(batch.images, batch.inputs, layers, weights, phi)
        done += batch.images.stop - batch.images.start
        progress(done / (len(images) * len(blocks)), f"block {batch.block}")
    rows = [{"block": block, "site": zoo.architecture.sites[block], **sums[block].row(options)} for block in blocks]
    nodes = {
        name: np.stack([reduced(sums[block].nodes[name], options).cpu().numpy() for block in blocks]) for name in PARTS
    }
    return rows, nodes


def image_gaps(
    inputs: Sequence[Tensor],
    layers: Sequence[Linear],
    own: Tensor,
    weights: Sequence[float],
    phi: Callable[[Tensor], Tensor],
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The three squared differences of some images, and the scale-free distance of the whole layer.

    Args:
        inputs: the layer's input (image, token, feature): one that all models share, or one for each.
        layers: each model's weight and bias.
        own: position of each image's own expert among the models, (image,).
        weights: of the models.
        phi: the activation.

    Returns:
        For each of `PARTS` (image, node), the mean over tokens of the squared difference; and (image,), the norm of
        the difference over that of the merged activation.
    """

    def z(model: int, rows: "slice | Tensor") -> Tensor:
        return torch.nn.functional.linear(inputs[model if len(inputs) > 1 else 0][rows], *layers[model])

    first, merged = difference((z(model, slice(None)) for model in range(len(layers))), weights, phi)
    expert = torch.empty_like(merged)
    for model in own.unique().tolist():
        rows = own == model
        expert[rows] = phi(z(model, rows))
    gap = merged - expert
    length = merged.square().sum((1, 2)).sqrt() + 1e-8
    squares = {"expert_gap": gap.square(), "ensemble_gap": (gap - first).square(), "mloss": first.square()}
    ratios = {name: value.sum((1, 2)).sqrt() / length for name, value in squares.items()}
    return {name: value.mean(1) for name, value in squares.items()}, ratios


class _Sums:
    """Running sums of one site; every task counts alike, whatever its number of images."""

    def __init__(self, own: Tensor, tasks: int, nodes: int) -> None:
        counts = torch.bincount(own, minlength=tasks)
        self._own, self._share = own, 1 / (tasks * counts[own].to(torch.float32))
        self.nodes = {name: torch.zeros(nodes, device=own.device) for name in PARTS}
        self._ratios = dict.fromkeys(PARTS, 0.0)
        self._images: dict[str, list[Tensor]] = {name: [] for name in PARTS}

    def add(
        self,
        images: slice,
        inputs: Sequence[Tensor],
        layers: Sequence[Linear],
        weights: Sequence[float],
        phi: Callable[[Tensor], Tensor],
    ) -> None:
        """Add a batch of images, in chunks whose activations of all models fit."""
        own, share = self._own[images], self._share[images]
        step = max(1, CHUNK_VALUES // (inputs[0].shape[1] * len(layers[0][1])))
        for start in range(0, len(own), step):
            rows = slice(start, start + step)
            squares, ratios = image_gaps([part[rows] for part in inputs], layers, own[rows], weights, phi)
            for name in PARTS:
                self.nodes[name] += share[rows] @ squares[name]
                self._ratios[name] += float(share[rows] @ ratios[name])
                self._images[name].append(squares[name].double().mean(1).cpu())

    def row(self, options: MLossOptions) -> dict[str, Any]:
        """The layer's values."""
        found: dict[str, Any] = {"nodes": len(self.nodes["mloss"])}
        own = self._own.cpu().numpy()
        for name in PARTS:
            mean = float(reduced(self.nodes[name], options).double().mean())
            error = float(resampled_errors([torch.cat(self._images[name]).numpy()[:, None]], own, options.seed)[0][0])
            if options.reduction == "root_mean_square":
                # Of the root of a mean: half the relative error of the mean.
                error = error / (2 * mean) if mean else 0.0
            found |= {name: mean, f"{name}_standard_error": error}
        return found | {f"{name}_normalised": self._ratios[name] for name in ("expert_gap", "ensemble_gap")}
