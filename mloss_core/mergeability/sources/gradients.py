"""Gradients of the loss, of each model on labelled images of each task: a sketch of each is kept.

By linearity the gradient on the images of two tasks is the mean of those on each, so N models on N tasks serve all
pairs. A gradient has as many entries as the encoder has weights (345 MB for ViT-B/16), so a fixed random projection of
it is kept: entries with random signs added up into 65,536 sums, which keeps inner products to 0.4 % of the lengths'
product. Smaller gradients are kept whole.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mloss_core.caching import Cache
from mloss_core.errors import ZooError
from mloss_core.mergeability.sources.activations import models_by_task
from mloss_core.mergeability.sources.model_facts import Arrays, on_images, remembered
from mloss_core.outputs.calibration import drawn_indices
from mloss_core.outputs.encoders import head_of
from mloss_core.placement import one_thread
from mloss_core.recipe import MLossOptions
from mloss_core.state_dicts import tensor_digest
from mloss_core.types import Progress
from mloss_core.vision.towers import build_tower
from mloss_core.zoo.model import Zoo

Pair = tuple[str, str]
IMAGES = 64
"""Labelled images of each task; with ten, as published, distances correlate .43 with those of 200."""
SKETCH = 2**16
_BATCH = 16
_KINDS = ("encoder", "input")


def gradients(
    zoo: Zoo, pairs: Sequence[Pair], options: MLossOptions, progress: Progress, cache: Cache
) -> Iterator[tuple[Pair, Arrays]]:
    """Gradients of each pair's two models on the same images, those of its two tasks, each with its own task's head.

    Yields:
        the pair, and as float64 scalars `encoder_dot`, `encoder_square_a`, `encoder_square_b` (with respect to all
        weights) and the same of `input` (with respect to the pixels, all images one after the other).

    Raises:
        ZooError: no head, no images or no labels for a task.
    """
    sketches, wanted = {}, models_by_task(pairs)
    drawn = functools.lru_cache(maxsize=1)(functools.partial(_labelled, zoo, options.seed))
    for position, (task, model) in enumerate(wanted):
        progress(position / len(wanted), f"gradients of {model} on {task}")
        sketches[model, task] = gradients_of(zoo, model, task, options.seed, cache, drawn)
    progress(1.0, "compared all gradients")
    for a, b in pairs:
        yield (a, b), _compared([[sketches[model, task] for task in (a, b)] for model in (a, b)])


def gradient_identity(zoo: Zoo, pair: Pair, options: MLossOptions) -> list[object]:
    """What the gradients of a pair depend on, beside the models."""
    digests = [zoo.datasets[task].digest for task in pair if task in zoo.datasets]
    heads = [_head_digest(zoo, task) for task in pair if task in zoo.heads]
    return [zoo.architecture.to_dict(), digests, heads, IMAGES, options.seed]


def gradients_of(
    zoo: Zoo, model: str, task: str, seed: int, cache: Cache, drawn: "Callable[[str], Labelled] | None" = None
) -> Arrays:
    """Sketches of one model's gradients on a task: `encoder` and `input`, float32, of the mean loss of an image."""
    zoo.require_datasets((task,), "gradients need")
    head, encoder = head_of(zoo, task), zoo.encoder(model)
    draw = drawn or functools.partial(_labelled, zoo, seed)
    identity = [*on_images(zoo, encoder, zoo.datasets[task], IMAGES, seed), _head_digest(zoo, task), SKETCH]
    return remembered(cache, "gradients", identity, lambda: _on_one_thread(zoo, model, draw(task), head))


def _head_digest(zoo: Zoo, task: str) -> str:
    return tensor_digest(zoo.heads[task])


def _on_one_thread(zoo: Zoo, model: str, drawn: "Labelled", head: Tensor) -> Arrays:
    """The last bits of sums over images change with the number of threads; several workers share the work instead."""
    with one_thread():
        return _computed(zoo, model, drawn, head)


def _computed(zoo: Zoo, model: str, drawn: "Labelled", head: Tensor) -> Arrays:
    tower = build_tower(zoo.architecture, zoo.encoder(model).weights, zoo.device, trainable=True)
    weights = [parameter for parameter in tower.parameters() if parameter.requires_grad]
    total = [torch.zeros_like(weight) for weight in weights]
    pixels, head = [], head.to(zoo.device)
    for batch, labels in zip(drawn.images.split(_BATCH), drawn.labels.split(_BATCH), strict=True):
        images = batch.to(zoo.device, copy=True).requires_grad_()
        logits = functional.normalize(tower(images), dim=-1) @ head.T
        loss = functional.cross_entropy(logits, labels.to(zoo.device), reduction="sum")
        *found, of_pixels = torch.autograd.grad(loss, [*weights, images], allow_unused=True)
        for place, gradient in enumerate(found):
            if gradient is not None:
                total[place] += gradient
        pixels.append(of_pixels.reshape(-1))
    arrays = {"encoder": _sketch([part.reshape(-1) for part in total]), "input": _sketch(pixels)}
    return {name: (sketch / len(drawn.labels)).float().cpu().numpy() for name, sketch in arrays.items()}


@dataclasses.dataclass(frozen=True)
class Labelled:
    """Images (image, 3, side, side) and their classes (image,)."""

    images: Tensor
    labels: Tensor


def _labelled(zoo: Zoo, seed: int, task: str) -> Labelled:
    """Training images with a label, the first of a fixed shuffle."""
    dataset = zoo.datasets[task]
    labels = dataset.labels("train")
    order = drawn_indices(dataset, len(labels), seed)
    chosen = order[labels.numpy()[order] >= 0][:IMAGES]
    if not len(chosen):
        raise ZooError(f"gradients need labelled training images; {task} has none.")
    return Labelled(dataset.images("train", chosen.tolist()), labels[torch.as_tensor(chosen)])


def _sketch(parts: Sequence[Tensor]) -> Tensor:
    """The entries of all parts with random signs, added up into `SKETCH` sums; all of them when there are no more."""
    size = sum(len(part) for part in parts)
    if size <= SKETCH:
        return torch.cat([part.double() for part in parts])
    sums = torch.zeros(SKETCH, dtype=torch.float64, device=parts[0].device)
    draw = torch.Generator().manual_seed(0)
    for part in parts:
        rows = -(-len(part) // SKETCH)
        padded = functional.pad(part.double(), (0, rows * SKETCH - len(part))).reshape(rows, SKETCH)
        signs = torch.randint(0, 2, (rows, SKETCH), generator=draw, dtype=torch.int8).to(part.device)
        sums += (padded * (2 * signs - 1)).sum(0)
    return sums


def _compared(sketches: Sequence[Sequence[Arrays]]) -> Arrays:
    """Inner products of the gradients on both tasks' images, from the sketches (model a or b, task a or b)."""
    facts: dict[str, np.floating] = {}
    for kind in _KINDS:
        of_a, of_b = (_on_both(kind, [sketch[kind].astype(np.float64) for sketch in of]) for of in sketches)
        facts |= {f"{kind}_dot": of_a @ of_b, f"{kind}_square_a": of_a @ of_a, f"{kind}_square_b": of_b @ of_b}
    return {name: np.asarray(value) for name, value in facts.items()}


def _on_both(kind: str, parts: Sequence[np.ndarray]) -> np.ndarray:
    """Of the mean loss over both tasks' images: the mean for weights; for pixels, each task has images of its own."""
    first, second = parts
    return (first + second) / 2 if kind == "encoder" else np.concatenate([first, second]) / 2
