"""Contrastive pretraining and plain fine-tuning of CLIP image encoders."""

import dataclasses
import itertools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn import functional

from mloss_core.errors import InvalidOptionError
from mloss_core.options import check_options, option
from mloss_core.types import Progress, silent

if TYPE_CHECKING:
    from open_clip.model import CLIP

Augment = Callable[[Tensor, torch.Generator], Tensor]
MAX_LOGIT_SCALE = 100.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingOptions:
    """How a tower is trained. The defaults follow the field's fine-tuning: AdamW, warm-up, cosine, clipping."""

    steps: int = option(1000, label="Steps", minimum=1, help="Number of updates.")
    batch: int = option(128, label="Batch", minimum=1, help="Images in an update.")
    learning_rate: float = option(1e-5, label="Learning rate", minimum=0.0, help="Peak learning rate.")
    warmup: int = option(500, label="Warm-up", minimum=0, help="Updates until the peak.")
    weight_decay: float = option(0.1, label="Weight decay", minimum=0.0, help="Decay of matrices.")
    clip: float = option(1.0, label="Clipping", minimum=0.0, help="Largest gradient norm.")
    optimizer: str = option("adamw", label="Optimizer", choices=("adamw", "sgd"), help="Which update rule.")
    beta2: float = option(0.999, label="Beta 2", minimum=0.0, maximum=1.0, help="AdamW's second moment.")

    def __post_init__(self) -> None:
        check_options(self)


def learning_rate(step: int, options: TrainingOptions) -> float:
    """Linear warm-up, then a cosine to zero."""
    if step < options.warmup:
        return options.learning_rate * (step + 1) / options.warmup
    share = (step - options.warmup) / max(1, options.steps - options.warmup)
    return options.learning_rate * 0.5 * (1 + math.cos(math.pi * share))


def _optimizer(parameters: Sequence[nn.Parameter], options: TrainingOptions) -> torch.optim.Optimizer:
    matrices = [p for p in parameters if p.ndim > 1]
    rest = [p for p in parameters if p.ndim <= 1]
    groups = [{"params": matrices, "weight_decay": options.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    if options.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=options.learning_rate, momentum=0.9)
    return torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, options.beta2), fused=True)


def _train(
    model: nn.Module,
    loss_of: Callable[[torch.Generator], Tensor],
    options: TrainingOptions,
    seed: int,
    progress: Progress,
    message: str,
) -> list[float]:
    """Updates of `model` by a loss that draws its own batch; returns the loss of each update."""
    draw = torch.Generator().manual_seed(seed)
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = _optimizer(parameters, options)
    losses = []
    model.train()
    for step in range(options.steps):
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, options)
        loss = loss_of(draw)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, options.clip)
        optimizer.step()
        losses.append(float(loss.detach()))
        if not math.isfinite(losses[-1]):
            raise InvalidOptionError(f"{message} diverged at update {step + 1}: lower the learning rate.")
        progress((step + 1) / options.steps, f"{message}, loss {losses[-1]:.3f}")
    model.eval()
    return losses


def finetune(
    tower: nn.Module,
    head: Tensor,
    images: "Tensor | Callable[[Tensor], Tensor]",
    labels: Tensor,
    options: TrainingOptions,
    *,
    augment: Augment | None = None,
    by_epoch: bool = False,
    seed: int = 0,
    progress: Progress = silent,
    message: str = "fine-tuning",
) -> list[float]:
    """Fine-tune an image tower in place on labelled images, its classification head frozen.

    Args:
        tower: normalised images to features; its parameters must require gradients.
        head: (class, embed_dim); logits are `normalize(features) @ head.T`.
        images: float32 (image, 3, side, side), normalised; or what gives those of an index tensor.
        labels: int64 (image,).
        options: how to train.
        augment: changes a batch, drawing from the given generator.
        by_epoch: show every image once before any comes again; else each batch is drawn from all images.
        seed: of batches and augmentation.
        progress: told about every update.
        message: what is being trained, for people.

    Returns:
        The loss of every update.

    Raises:
        InvalidOptionError: the loss is no longer finite.
    """
    device = head.device
    keep = head.detach()
    batches = _Epochs(len(labels), options.batch) if by_epoch else None
    read = images if callable(images) else images.__getitem__

    def loss_of(draw: torch.Generator) -> Tensor:
        chosen = batches.next(draw) if batches else torch.randint(len(labels), (options.batch,), generator=draw)
        batch = read(chosen) if augment is None else augment(read(chosen), draw)
        features = functional.normalize(tower(batch.to(device)), dim=-1)
        return functional.cross_entropy(features @ keep.T, labels[chosen].to(device))

    return _train(tower, loss_of, options, seed, progress, message)


class _Epochs:
    """Batches of a fresh random order of all images at a time; the last one of each order may be smaller."""

    def __init__(self, count: int, batch: int) -> None:
        self._count, self._batch = count, batch
        self._left = torch.empty(0, dtype=torch.int64)

    def next(self, draw: torch.Generator) -> Tensor:
        """The next batch of indices."""
        if not len(self._left):
            self._left = torch.randperm(self._count, generator=draw)
        chosen, self._left = self._left[: self._batch], self._left[self._batch :]
        return chosen


@dataclasses.dataclass(frozen=True)
class CaptionedImages:
    """Images of one source with a class each, and the sentences that may be said of each class.

    Args:
        images: float32 (image, 3, side, side), or what gives those of an index tensor. labels: int64 (image,).
        captions: token ids (class, sentence, position).
    """

    images: "Tensor | Callable[[Tensor], Tensor]"
    labels: Tensor
    captions: Tensor


def pretrain(
    clip: "CLIP",
    sources: Mapping[str, CaptionedImages],
    options: TrainingOptions,
    *,
    augment: Augment | None = None,
    within: float = 0.5,
    max_scale: float = MAX_LOGIT_SCALE,
    seed: int = 0,
    progress: Progress = silent,
) -> list[float]:
    """Contrastive image-text pretraining of both towers, in place.

    Every update shows equally many images of each source and says each class in one random sentence. The loss is the
    mean of both directions: images find their sentence among all; sentences find all images they are true of (several
    positives share the target). `within` weighs a further cross entropy among the sentences of the image's own source.

    Args:
        clip: open_clip's `CLIP`.
        sources: what is shown, by name.
        options: `batch` is the number of images of all sources together.
        augment: changes a batch of images.
        within: weight of the cross entropy within each source.
        max_scale: largest logit scale.
        seed: of everything random.
        progress: told about every update.

    Returns:
        The loss of every update.
    """
    each = max(1, options.batch // len(sources))
    starts = [0, *torch.tensor([len(source.captions) for source in sources.values()]).cumsum(0).tolist()]
    device = clip.logit_scale.device

    def loss_of(draw: torch.Generator) -> Tensor:
        images, targets, sentences = _draw_batch(sources, each, draw)
        images = images if augment is None else augment(images, draw)
        scale = clip.logit_scale.clamp(max=math.log(max_scale)).exp()
        pictures = functional.normalize(clip.encode_image(images.to(device)), dim=-1)
        words = functional.normalize(clip.encode_text(sentences.to(device)), dim=-1)
        logits = scale * pictures @ words.T
        targets = targets.to(device)
        loss = 0.5 * (functional.cross_entropy(logits, targets) + _sentence_loss(logits.T, targets))
        parts = [
            functional.cross_entropy(logits[rows, first:last], targets[rows] - first)
            for rows, first, last in _blocks(starts, each)
        ]
        return loss + within * torch.stack(parts).mean()

    return _train(clip, loss_of, options, seed, progress, "pretraining")


def _draw_batch(
    sources: Mapping[str, CaptionedImages], each: int, draw: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    images, targets, sentences, first = [], [], [], 0
    for source in sources.values():
        chosen = torch.randint(len(source.labels), (each,), generator=draw)
        images.append(source.images(chosen) if callable(source.images) else source.images[chosen])
        targets.append(source.labels[chosen] + first)
        said = torch.randint(source.captions.shape[1], (len(source.captions),), generator=draw)
        sentences.append(source.captions[torch.arange(len(said)), said])
        first += len(source.captions)
    return torch.cat(images), torch.cat(targets), torch.cat(sentences)


def _sentence_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross entropy of each spoken sentence with the even distribution over the images it is true of."""
    true = targets[None, :] == torch.arange(len(logits), device=targets.device)[:, None]
    spoken = true.any(1)
    share = true[spoken].float() / true[spoken].sum(1, keepdim=True)
    return -(share * functional.log_softmax(logits[spoken], dim=-1)).sum(1).mean()


def _blocks(starts: list[int], each: int) -> Iterator[tuple[slice, int, int]]:
    for position, (first, last) in enumerate(itertools.pairwise(starts)):
        yield slice(position * each, (position + 1) * each), first, last


def jitter(images: Tensor, draw: torch.Generator, shift: int = 2) -> Tensor:
    """Light augmentation: a common shift of up to `shift` pixels, and each image's own contrast and brightness."""
    down, right = torch.randint(-shift, shift + 1, (2,), generator=draw).tolist()
    moved = torch.roll(images, (down, right), (2, 3))
    gain = 1 + 0.1 * torch.randn(len(images), 1, 1, 1, generator=draw)
    return moved * gain + 0.15 * torch.randn(len(images), 1, 1, 1, generator=draw)
