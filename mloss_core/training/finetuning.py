"""Fine-tuning an image encoder on a dataset by the recipe of the field: AdamW, warm-up, cosine, a frozen head."""

import dataclasses
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch
from torch import Tensor, nn

from mloss_core.data.datasets import Dataset, batches
from mloss_core.data.field.catalogue import field_task
from mloss_core.data.subset import DatasetSubset
from mloss_core.errors import DatasetError
from mloss_core.training.loops import TrainingOptions, finetune
from mloss_core.training.options import EPOCHS, USUAL_EPOCHS, FinetuneOptions
from mloss_core.types import Progress, StateDict, part, silent
from mloss_core.vision.architecture import Architecture
from mloss_core.vision.towers import build_tower

_KEPT_BYTES = 1 << 29
_CHECKED = 1000
_THREADS = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Finetuned:
    """A fine-tuned encoder and how it came about.

    Args:
        state: canonical weights, float32 on the CPU.
        epochs, updates: how long it was trained.
        losses: of every update.
        before, after: accuracy on `checked` validation images with the head that was frozen.
        checked: how many those are; 0 where the dataset has none, and the accuracies are NaN.
        seconds: of the whole run.
    """

    state: StateDict
    epochs: float
    updates: int
    losses: tuple[float, ...]
    before: float
    after: float
    checked: int
    seconds: float


def finetune_encoder(
    architecture: Architecture,
    pretrained: StateDict,
    head: Tensor,
    dataset: Dataset,
    options: FinetuneOptions | None = None,
    device: "str | torch.device" = "cpu",
    progress: Progress = silent,
) -> Finetuned:
    """Fine-tune an image encoder on the training images of a dataset, its zero-shot head frozen.

    Args:
        architecture: of the weights.
        pretrained: canonical weights; they are copied.
        head: (class, embed_dim); logits are `normalize(features) @ head.T`.
        dataset: whose `train` split is shown, and whose `val` split tells the accuracy before and after.
        options: how to train; as the field does by default.
        device: where the tower runs.
        progress: told about every update; may raise to stop.

    Raises:
        DatasetError: no training images, or another number of classes than the head has.
        InvalidOptionError: the loss is no longer finite.
    """
    started, options = time.perf_counter(), options or FinetuneOptions()
    labels = _checked_labels(dataset, head)
    tower = build_tower(architecture, pretrained, device, trainable=True)
    head = head.to(device, torch.float32)
    few = DatasetSubset(dataset, _CHECKED)
    before = _accuracy(tower, head, few, device)
    task = field_task(dataset.name)
    epochs = options.epochs or EPOCHS.get(task.name if task else dataset.name, USUAL_EPOCHS)
    updates = max(1, math.ceil(epochs * math.ceil(len(labels) / options.batch)))
    losses = finetune(
        tower,
        head,
        _reader(dataset, architecture, len(labels)),
        labels,
        _training(options, updates),
        augment=random_crop if options.augment == "crop" else None,
        by_epoch=True,
        seed=options.seed,
        progress=part(progress, 0.02, 0.98),
        message=f"fine-tuning on {dataset.name}",
    )
    after = _accuracy(tower, head, few, device)
    progress(1.0, "fine-tuned")
    return Finetuned(
        state={key: tensor.detach().cpu() for key, tensor in tower.state_dict().items()},
        epochs=epochs,
        updates=updates,
        losses=tuple(losses),
        before=before,
        after=after,
        checked=few.size("val"),
        seconds=time.perf_counter() - started,
    )


def random_crop(images: Tensor, draw: torch.Generator) -> Tensor:
    """A random 90 to 100 % of the area of each image, 3:4 to 4:3 in shape, resized to the whole side."""
    from torchvision.transforms.v2 import functional

    side = images.shape[-1]
    sizes = torch.rand(len(images), 4, generator=draw, dtype=torch.float64)
    cropped = []
    for image, (area, shape, top, left) in zip(images, sizes.tolist(), strict=True):
        ratio = math.exp((2 * shape - 1) * math.log(4 / 3))
        height = min(side, round(side * math.sqrt((0.9 + 0.1 * area) / ratio)))
        width = min(side, round(side * math.sqrt((0.9 + 0.1 * area) * ratio)))
        place = [round(top * (side - height)), round(left * (side - width)), height, width]
        cropped.append(
            functional.resized_crop(image, *place, [side, side], functional.InterpolationMode.BICUBIC, antialias=True)
        )
    return torch.stack(cropped)


def _checked_labels(dataset: Dataset, head: Tensor) -> Tensor:
    if not dataset.size("train"):
        raise DatasetError(f"fine-tuning needs training images; {dataset.name} has none.")
    if len(head) != len(dataset.classes):
        raise DatasetError(
            f"the head must have one row a class; it has {len(head)}, {dataset.name} has {len(dataset.classes)} "
            "classes. Build the head from this dataset's classes."
        )
    return dataset.labels("train")


def _training(options: FinetuneOptions, updates: int) -> TrainingOptions:
    # Published runs have thousands of updates; in a short one the peak must still be reached.
    return TrainingOptions(
        steps=updates,
        batch=options.batch,
        learning_rate=options.learning_rate,
        warmup=min(options.warmup, updates // 5),
        weight_decay=options.weight_decay,
        clip=options.clip,
        optimizer=options.optimizer,
    )


def _reader(dataset: Dataset, architecture: Architecture, count: int) -> "Tensor | Callable[[Tensor], Tensor]":
    """All training images where they fit in memory, else what reads a batch from the disk in several threads."""
    if count * 3 * architecture.image_size**2 * 4 <= _KEPT_BYTES:
        return dataset.images("train", range(count))
    pool = ThreadPoolExecutor(_THREADS)

    def read(chosen: Tensor) -> Tensor:
        parts = [piece.tolist() for piece in chosen.chunk(_THREADS)]
        return torch.cat(list(pool.map(lambda piece: dataset.images("train", piece), parts)))

    return read


@torch.inference_mode()
def _accuracy(tower: nn.Module, head: Tensor, dataset: Dataset, device: "str | torch.device") -> float:
    if not dataset.size("val"):
        return math.nan
    tower.eval()
    answers = [(tower(images.to(device)) @ head.T).argmax(1).cpu() for images in batches(dataset, "val", 64)]
    return float(torch.cat(answers).eq(dataset.labels("val")).double().mean())
