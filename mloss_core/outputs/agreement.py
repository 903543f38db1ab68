"""How close a model's predictions come to the Ensemble's, on images without labels."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from mloss_core.caching import Cache
from mloss_core.errors import ZooError
from mloss_core.outputs.encoders import as_encoder, head_of, task_encoders
from mloss_core.outputs.encoding import Images, features_of_images
from mloss_core.outputs.ensembles import ensemble_logits, logits
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress, StateDict, part, silent
from mloss_core.zoo.model import Encoder, Zoo


def alignment(
    zoo: Zoo,
    weights: "Encoder | StateDict | Any",
    tasks: "tuple[str, ...] | list[str] | None" = None,
    options: MLossOptions | None = None,
    *,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> dict[str, Any]:
    """Alignment of one model to the Ensemble of the chosen tasks' fine-tuned encoders.

    The images are calibration images: drawn from each task's training split, without labels, and judged with that
    task's own head. The Ensemble is `ensemble_logits`.

    Args:
        zoo: encoders, heads and datasets.
        weights: the model: an encoder, a merge result or a state dict; or a mapping from each task to an encoder.
        tasks: the models of the Ensemble, whose images are used; all by default.
        options: `samples_per_task` and `seed` of the draw (the defaults for None); nothing else of it matters.
        progress: told after each batch.
        cache: where features are kept.

    Returns:
        agreement: fraction of images on which model and Ensemble have the same top class, mean over tasks.
        agreement_standard_error: its binomial sampling error from the number of images.
        kl: Kullback-Leibler divergence of the model's class distribution from the Ensemble's, KL(ensemble || model), in
            nats, mean over the images of a task and then over tasks.
        images: number of images in all.
        tasks: agreement and kl by task.

    Raises:
        ZooError: no dataset or head for a task.
        DatasetError: a training split with fewer images than are asked for.
    """
    chosen, options = zoo.check_tasks(tasks), options or MLossOptions()
    sources, models = zoo.sources(chosen), _by_task(weights, chosen)
    by_task, counts = {}, []
    for position, task in enumerate(chosen):
        step = part(progress, position / len(chosen), (position + 1) / len(chosen))
        images = _calibration_images(zoo, task, options)
        found = features_of_images(zoo, [*sources, models[task]], images, progress=step, cache=cache)
        head = head_of(zoo, task)
        by_task[task] = compare(ensemble_logits(found[:-1], head), logits(found[-1], head))
        counts.append(images.count)
    progress(1.0, "compared with the Ensemble")
    rates = [scores["agreement"] for scores in by_task.values()]
    errors = [rate * (1 - rate) / count for rate, count in zip(rates, counts, strict=True)]
    return {
        "agreement": sum(rates) / len(chosen),
        "agreement_standard_error": math.sqrt(sum(errors)) / len(chosen),
        "kl": sum(scores["kl"] for scores in by_task.values()) / len(chosen),
        "images": sum(counts),
        "tasks": by_task,
    }


def compare(ensemble: Tensor, model: Tensor) -> dict[str, float]:
    """Top-1 agreement and KL(softmax(ensemble) || softmax(model)) in nats, means over images, in float64.

    Args:
        ensemble: logits (image, class); `model` likewise.
    """
    agreement = (ensemble.argmax(dim=1) == model.argmax(dim=1)).double().mean().item()
    target, found = (torch.log_softmax(scores.double(), dim=1) for scores in (ensemble, model))
    divergence = (target.exp() * (target - found)).sum(dim=1).mean().item()
    return {"agreement": agreement, "kl": max(0.0, divergence)}


def _by_task(weights: Any, tasks: tuple[str, ...]) -> Mapping[str, Encoder]:
    if isinstance(weights, Mapping) and any(isinstance(value, Encoder) for value in weights.values()):
        lacking = [task for task in tasks if task not in weights]
        if lacking:
            raise ZooError(f"one encoder a task must be given; there is none for {', '.join(lacking)}.")
        return weights
    if getattr(weights, "per_task", None) is not None:
        return task_encoders(weights, tasks)
    return dict.fromkeys(tasks, as_encoder(weights))


def _calibration_images(zoo: Zoo, task: str, options: MLossOptions) -> Images:
    """One draw a task, so that features computed for one choice of tasks serve every other."""
    from mloss_core.outputs.calibration import draw_calibration

    draw = draw_calibration(zoo, (task,), samples_per_task=options.samples_per_task, seed=options.seed)
    return Images(
        identity={"calibration": draw.digest},
        count=len(draw.images),
        batches=draw.images.split,
        label=f"the calibration images of {task}",
    )
