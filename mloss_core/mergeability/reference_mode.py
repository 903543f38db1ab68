"""The published code's own behaviour, faults included, for whoever wants to hold its tables against ours.

What differs from our metrics: sums in float32 (cosines can pass 1 on large models); the left overlap divided by k, so
that it ends at 1/sqrt(k); activations on ten test images of *every* task, each batch of 32 counted alike; gradients of
each model on ten test images of its *own* task, behind a random head that is drawn anew for every metric, batches of 8
and 2 added up and divided by ten. Changes of zero count as matrices with all directions in common.
"""

import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mloss_core.caching import Cache, digest_of
from mloss_core.errors import InvalidOptionError
from mloss_core.mergeability.metrics.record import Undefined, cosine, distance
from mloss_core.mergeability.metrics.registry import PUBLISHED, get_metric
from mloss_core.mergeability.pairs import all_pairs, pairwise_metrics
from mloss_core.mergeability.sources.activations import token_means
from mloss_core.mergeability.sources.spectra import DIRECTIONS, matrix_keys
from mloss_core.placement import one_thread
from mloss_core.state_dicts import is_merged_tensor, task_vector
from mloss_core.types import Progress, part, silent
from mloss_core.vision.towers import build_tower
from mloss_core.zoo.model import Zoo

if TYPE_CHECKING:
    import pandas

SEED, SAMPLES, BATCH, GRADIENT_BATCH = 42, 10, 32, 8
Pair = tuple[str, str]


def reference_metrics(
    zoo: Zoo,
    names: Sequence[str] | None = None,
    tasks: Sequence[str] | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> "pandas.DataFrame":
    """The published 28 as the published code computes them; arguments and form as in `pairwise_metrics`.

    Raises:
        UnknownNameError, InvalidOptionError: no such metric or task, or a metric that was not published.
        ZooError, DatasetError: no labelled test images for a task.
    """
    chosen = zoo.subset(tasks)
    wanted = [get_metric(name).name for name in (PUBLISHED if names is None else names)]
    ours = [name for name in wanted if name not in PUBLISHED]
    if ours:
        raise InvalidOptionError(f"the reference mode has the published 28 metrics alone; {ours[0]} is none of them.")
    same = [name for name in wanted if get_metric(name).category not in {"activation", "gradient"}]
    frame = pairwise_metrics(chosen, same or ["task_vector_dot_product"], progress=part(progress, 0, 0.5), cache=cache)
    pairs = all_pairs(chosen.tasks)
    columns: dict[str, Sequence[float]] = {name: frame[name].tolist() for name in same}
    columns |= _sums_in_float32(chosen, pairs)
    columns |= _overlaps(chosen, columns, pairs)
    if any(get_metric(name).category == "activation" for name in wanted):
        columns |= _activations(chosen, pairs)
    gradient = [name for name in wanted if get_metric(name).category == "gradient"]
    for position, name in enumerate(gradient):
        progress(0.5 + 0.5 * position / len(gradient), f"{name}, as published")
        columns[name] = [_gradient(chosen, name, pair) for pair in pairs]
    found = frame[["task_a", "task_b"]].assign(**{name: columns[name] for name in wanted})
    found.attrs = {**frame.attrs, "mode": "reference"}
    return found


def _sums_in_float32(zoo: Zoo, pairs: Sequence[Pair]) -> dict[str, list[float]]:
    base = zoo.pretrained.weights
    keys = [key for key in base if is_merged_tensor(base[key])]
    flat = {
        task: torch.cat([task_vector(base, zoo.finetuned[task].weights, key).float().reshape(-1) for key in keys])
        for task in zoo.tasks
    }
    cosines = [float(functional.cosine_similarity(flat[a], flat[b], dim=0)) for a, b in pairs]
    return {
        "task_vector_cosine_similarity": cosines,
        "task_vector_l2_distance": [float((flat[a] - flat[b]).norm()) for a, b in pairs],
        "task_vector_dot_product": [float(flat[a] @ flat[b]) for a, b in pairs],
        "weight_space_angle": [float(np.degrees(np.arccos(np.clip(value, -1, 1)))) for value in cosines],
    }


def _overlaps(zoo: Zoo, columns: Mapping[str, Sequence[float]], pairs: Sequence[Pair]) -> dict[str, list[float]]:
    """Means that also count matrices in which both models stood still: overlap 1 there, singular values 0."""
    keys, found = matrix_keys(zoo), {}
    for name in columns:
        metric = get_metric(name)
        if metric.category != "subspace":
            continue
        scale = 1 / np.sqrt(DIRECTIONS) if name == "subspace_overlap" else 1.0
        still = 0.0 if name == "singular_value_overlap" else 1.0
        moved = [sum(_moved(zoo, key, pair) for key in keys) for pair in pairs]
        shares = [count / len(keys) for count in moved]
        found[name] = [
            scale * (share * value + (1 - share) * still) for share, value in zip(shares, columns[name], strict=True)
        ]
    return found


def _moved(zoo: Zoo, key: str, pair: Pair) -> bool:
    base = zoo.pretrained.weights
    return any(bool(task_vector(base, zoo.finetuned[task].weights, key).any()) for task in pair)


def _activations(zoo: Zoo, pairs: Sequence[Pair]) -> dict[str, list[float]]:
    draw = random.Random(SEED)
    images = torch.cat([_test_images(zoo, task, _drawn(zoo, task, draw)) for task in zoo.tasks])
    means = {}
    for task in zoo.tasks:
        last = token_means(zoo, zoo.finetuned[task].weights, images)[-1]
        means[task] = torch.stack([batch.mean(0) for batch in last.split(BATCH)]).mean(0).double().cpu().numpy()
    facts = [_products(means[a], means[b]) for a, b in pairs]
    names = [name for name in PUBLISHED if get_metric(name).category == "activation"]
    return {name: [_number(get_metric(name).function(one)) for one in facts] for name in names}


def _gradient(zoo: Zoo, name: str, pair: Pair) -> float:
    """One gradient metric of one pair: images drawn for the pair, heads for this metric alone."""
    draw, kind = random.Random(SEED), name.split("_")[0]
    sides = []
    for task in pair:
        rows = _drawn(zoo, task, draw)
        sides.append(_gradient_of(zoo, task, rows, kind, int(digest_of("random head", name, pair, task)[:12], 16)))
    facts = _products(*sides)
    functions: Mapping[str, Callable[..., float | Undefined]] = {
        "cosine_similarity": cosine,
        "l2_distance": distance,
        "dot_product": lambda one: float(one["dot"]),
    }
    return _number(functions[name.split("gradient_")[1]](facts))


def _gradient_of(zoo: Zoo, task: str, rows: Sequence[int], kind: str, seed: int) -> np.ndarray:
    dataset = zoo.datasets[task]
    tower = build_tower(zoo.architecture, zoo.finetuned[task].weights, zoo.device, trainable=True)
    width, classes = zoo.architecture.embed_dim, len(dataset.classes)
    head = (torch.rand(classes, width, generator=torch.Generator().manual_seed(seed)) * 2 - 1) / width**0.5
    weights = [weight for weight in tower.parameters() if weight.requires_grad]
    images, labels = _test_images(zoo, task, rows), dataset.labels("test")[torch.as_tensor(rows)]
    total, pixels = [torch.zeros_like(weight) for weight in weights], []
    with one_thread():
        for batch, classes_of in zip(images.split(GRADIENT_BATCH), labels.split(GRADIENT_BATCH), strict=True):
            inputs = batch.to(zoo.device, copy=True).requires_grad_()
            logits = functional.normalize(tower(inputs), dim=-1) @ head.to(zoo.device).T
            loss = functional.cross_entropy(logits, classes_of.to(zoo.device))
            *found, of_pixels = torch.autograd.grad(loss, [*weights, inputs], allow_unused=True)
            total = [sums if one is None else sums + one for sums, one in zip(total, found, strict=True)]
            pixels.append(of_pixels.reshape(-1))
    parts = [one.reshape(-1) / len(rows) for one in total] if kind == "encoder" else pixels
    return torch.cat(parts).double().cpu().numpy()


def _drawn(zoo: Zoo, task: str, draw: random.Random) -> list[int]:
    zoo.require_datasets((task,), "the published activations and gradients need")
    count = zoo.datasets[task].size("test")
    return sorted(draw.sample(range(count), min(SAMPLES, count)))


def _test_images(zoo: Zoo, task: str, rows: Sequence[int]) -> Tensor:
    return zoo.datasets[task].images("test", list(rows))


def _products(a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """Pixels of other images are compared index by index, as published: a shorter draw is cut."""
    size = min(len(a), len(b))
    a, b = a[:size], b[:size]
    return {name: np.asarray(value) for name, value in (("dot", a @ b), ("square_a", a @ a), ("square_b", b @ b))}


def _number(value: float | Undefined) -> float:
    return float("nan") if isinstance(value, Undefined) else value
