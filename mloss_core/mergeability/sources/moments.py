"""Expected M-Loss of pairs: from each layer's weights and the mean and covariance of its inputs."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch

from mloss_core.caching import Cache
from mloss_core.mergeability.sources.model_facts import Arrays
from mloss_core.mloss.accumulate import source_layers
from mloss_core.mloss.inputs import site_inputs
from mloss_core.mloss.pair_theory import expected_pair_mloss
from mloss_core.outputs.calibration import draw_calibration
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress, part
from mloss_core.zoo.model import Zoo

Pair = tuple[str, str]
Moments = tuple[torch.Tensor, torch.Tensor]
"""Mean (feature,) and mean of products (feature, feature) of a layer's inputs, float64."""


def expected_mloss_of_pairs(
    zoo: Zoo, pairs: Sequence[Pair], options: MLossOptions, progress: Progress, cache: Cache
) -> Iterator[tuple[Pair, Arrays]]:
    """Expected M-Loss of each pair in every block.

    The inputs are the pretrained model's on calibration images of the pair's two tasks, so one pass serves all pairs.

    Yields:
        the pair, and `expected` (block,) in float64: mean over nodes of E[M] for jointly Gaussian pre-activations.
    """
    tasks = list(dict.fromkeys(task for pair in pairs for task in pair))
    zoo = zoo.subset(tasks)
    moments = _moments(zoo, options, part(progress, 0, 0.3))
    found = {pair: np.zeros(zoo.architecture.layers) for pair in pairs}
    for block in range(zoo.architecture.layers):
        progress(0.3 + 0.7 * block / zoo.architecture.layers, f"expected M-Loss, block {block}")
        layers = dict(zip(zoo.tasks, source_layers(zoo, block), strict=True))
        for pair in pairs:
            found[pair][block] = _expected(zoo, [layers[task] for task in pair], [moments[t][block] for t in pair])
    for pair, values in found.items():
        yield pair, {"expected": values}


@torch.inference_mode()
def _moments(zoo: Zoo, options: MLossOptions, progress: Progress) -> Mapping[str, list[Moments]]:
    """By task and block."""
    found: dict[str, list[Moments]] = {}
    blocks = range(zoo.architecture.layers)
    for position, task in enumerate(zoo.tasks):
        progress(position / len(zoo.tasks), f"inputs of {task}")
        images = draw_calibration(zoo, (task,), samples_per_task=options.samples_per_task, seed=options.seed).images
        sums, counts = [torch.zeros(()) for _ in blocks], [0 for _ in blocks]
        products = [torch.zeros(()) for _ in blocks]
        for batch in site_inputs(zoo, [zoo.pretrained.weights], images, blocks, options.tokens):
            rows = batch.inputs[0].flatten(0, 1).double()
            sums[batch.block] = sums[batch.block].to(rows) + rows.sum(0)
            products[batch.block] = products[batch.block].to(rows) + rows.T @ rows
            counts[batch.block] += len(rows)
        found[task] = [(sums[b] / counts[b], products[b] / counts[b]) for b in blocks]
    return found


def _expected(zoo: Zoo, layers: Sequence[tuple[torch.Tensor, torch.Tensor]], moments: Sequence[Moments]) -> float:
    """Mean over nodes, for inputs of which half are one task's and half the other's."""
    mean = (moments[0][0] + moments[1][0]) / 2
    covariance = (moments[0][1] + moments[1][1]) / 2 - torch.outer(mean, mean)
    (first, bias), (second, other) = ((w.double(), b.double()) for w, b in layers)
    means = torch.stack([first @ mean + bias, second @ mean + other], dim=1)
    spread = torch.stack([((a @ covariance) * b).sum(1) for a, b in ((first,) * 2, (second,) * 2, (first, second))], 1)
    values = expected_pair_mloss(means.cpu().numpy(), spread.cpu().numpy(), zoo.architecture.activation)
    return float(values.mean())
