"""What the blocks of each model give on unlabeled images: token means, computed once a model and task."""

import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from mloss_core.caching import Cache
from mloss_core.evaluation.inspection.cka import FEWEST, linear_cka
from mloss_core.mergeability.sources.model_facts import Arrays, on_images, remembered
from mloss_core.mloss.inputs import batch_size
from mloss_core.outputs.calibration import draw_calibration
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress, StateDict
from mloss_core.vision.blocks import build_block, image_embedder
from mloss_core.zoo.model import Zoo

Pair = tuple[str, str]


def activations(
    zoo: Zoo, pairs: Sequence[Pair], options: MLossOptions, progress: Progress, cache: Cache
) -> Iterator[tuple[Pair, Arrays]]:
    """Activations of each pair's two models on calibration images of its two tasks, and of no others.

    The published code averages over images of all tasks of its benchmark, so that one more task changes every pair.

    Yields:
        the pair, and as float64: `dot`, `square_a`, `square_b` of the mean activations (last block, mean over tokens,
        then over images); `cka` (block,), linear CKA of the token means; NaN where a model gives
        a constant, or for fewer than four images.
    """
    means, wanted = {}, models_by_task(pairs)
    drawn = functools.lru_cache(maxsize=1)(functools.partial(_images, zoo, options))
    for position, (task, model) in enumerate(wanted):
        progress(position / len(wanted), f"activations of {model} on {task}")
        means[model, task] = means_of(zoo, model, task, options, cache, drawn)
    progress(1.0, "compared all activations")
    for a, b in pairs:
        of_a, of_b = (np.concatenate([means[model, task] for task in (a, b)], axis=1) for model in (a, b))
        yield (a, b), _compared(of_a.astype(np.float64), of_b.astype(np.float64))


def models_by_task(pairs: Sequence[Pair]) -> list[tuple[str, str]]:
    """(task, model) for every model that pairs need on a task's images, task by task, so that images are drawn once."""
    return sorted({(task, model) for pair in pairs for model in pair for task in pair})


def draw_identity(zoo: Zoo, pair: Pair, options: MLossOptions) -> list[object]:
    """What facts on calibration images depend on, beside the models."""
    digests = [zoo.datasets[task].digest for task in pair if task in zoo.datasets]
    return [zoo.architecture.to_dict(), digests, options.samples_per_task, options.seed]


def means_of(
    zoo: Zoo, model: str, task: str, options: MLossOptions, cache: Cache, drawn: Callable[[str], Tensor] | None = None
) -> np.ndarray:
    """Token means of a model's blocks on calibration images of a task: float32 (block, image, width).

    Args:
        zoo, model, task, options, cache: whose, on what, and where they are kept.
        drawn: gives the images of a task where others draw them too.
    """
    zoo.require_datasets((task,), "activations need")
    encoder, draw = zoo.encoder(model), drawn or functools.partial(_images, zoo, options)

    def compute() -> Arrays:
        return {"means": token_means(zoo, encoder.weights, draw(task)).cpu().numpy()}

    identity = on_images(zoo, encoder, zoo.datasets[task], options.samples_per_task, options.seed)
    return remembered(cache, "token means", identity, compute)["means"]


def _images(zoo: Zoo, options: MLossOptions, task: str) -> Tensor:
    return draw_calibration(zoo, (task,), samples_per_task=options.samples_per_task, seed=options.seed).images


@torch.inference_mode()
def token_means(zoo: Zoo, weights: StateDict, images: Tensor) -> Tensor:
    """Output of every block, mean over tokens: (block, image, width). One block's weights are read at a time.

    Args:
        zoo: architecture and device.
        weights: canonical ones of an encoder.
        images: float32 (image, 3, side, side), normalised.
    """
    shape = zoo.architecture
    embed = image_embedder(shape, weights, zoo.device)
    batches = [embed(batch) for batch in images.split(batch_size(zoo))]
    found = []
    for index in range(shape.layers):
        block = build_block(shape, weights, index, zoo.device)
        for place, tokens in enumerate(batches):
            attended = block.attended(tokens)
            batches[place] = block.output(attended, block.mlp_inputs(attended))
        found.append(torch.cat([tokens.mean(1) for tokens in batches]))
    return torch.stack(found)


def _compared(of_a: np.ndarray, of_b: np.ndarray) -> Arrays:
    last_a, last_b = of_a[-1].mean(0), of_b[-1].mean(0)
    return {
        "dot": np.asarray(last_a @ last_b),
        "square_a": np.asarray(last_a @ last_a),
        "square_b": np.asarray(last_b @ last_b),
        "cka": np.array([_similarity(*blocks) for blocks in zip(of_a, of_b, strict=True)]),
    }


def _similarity(a: np.ndarray, b: np.ndarray) -> float:
    """Linear CKA, NaN for fewer images than it needs."""
    return linear_cka(a, b) if len(a) >= FEWEST else float("nan")
