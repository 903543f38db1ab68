"""Where inside does a model leave the task's own expert? Linear CKA and the expert gap, block by block."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mloss_core.errors import CheckpointError, InvalidOptionError
from mloss_core.evaluation.contenders import Contender
from mloss_core.evaluation.inspection.block_similarity import BlockSimilarity
from mloss_core.evaluation.inspection.cka import aligned, gram_of
from mloss_core.evaluation.inspection.comparing import with_images
from mloss_core.evaluation.inspection.models import task_contenders
from mloss_core.mloss.expert_gap import image_gaps
from mloss_core.mloss.inputs import SiteInputs, site_inputs
from mloss_core.mloss.measure import activation_of
from mloss_core.mloss.node import CHUNK_VALUES, Linear
from mloss_core.placement import placed
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress, part, silent
from mloss_core.vision.architecture import weight_key
from mloss_core.zoo.model import Encoder, Zoo

IMAGES = 256


def similarity_by_block(
    zoo: Zoo,
    task: str,
    models: Sequence[Any],
    split: str = "test",
    *,
    images: int = IMAGES,
    tokens: str = "all",
    progress: Progress = silent,
) -> BlockSimilarity:
    """Compare models with the task's own expert, block by block.

    All models run through the blocks together: one block of each is in memory at a time, and of every image only the
    mean over its tokens is kept.

    Args:
        zoo, task, split: as in `inspect_models`.
        models: as its `a` and `b`. Those that are the expert itself, or several encoders (an Ensemble), are left out.
        images: at most so many of the split, drawn at random once.
        tokens: all, class or patches: whose mean stands for an image, and over which gaps are averaged.
        progress: told after each block.

    Raises:
        InvalidOptionError: fewer than 4 images, or no such tokens.
        CheckpointError: weights of which some activation is not finite.
    """
    MLossOptions(tokens=tokens)  # Refuses what is none.
    few = with_images(zoo, task, split, images)
    count = few.datasets[task].size(split)
    if count < 4:
        raise InvalidOptionError(f"CKA needs at least 4 images; the {split} split of {task} has {count}.")
    compared = _with_blocks(few, task, task_contenders(zoo, task, models, part(progress, 0, 0.5)))
    encoders = [few.finetuned[task], *(encoder for _, encoder in compared)]
    run = _Run(few, encoders, tokens)
    run.through(few.datasets[task].images(split, range(count)), part(progress, 0.5, 1))
    gap = run.gaps()
    if not np.isfinite(gap[..., 0]).all():
        raise CheckpointError(
            f"activations on the images of {task} must be finite; some are not. Weights of the expert or of a model "
            "are damaged or too large: lower the scale of the merge, or check the file."
        )
    cka = run.cka()
    return BlockSimilarity(
        models=tuple({"key": one.key, "model": one.model, "kind": one.kind} for one, _ in compared),
        blocks=tuple(range(zoo.architecture.layers)),
        cka=cka[..., 0],
        cka_error=cka[..., 1],
        gap=gap[..., 0],
        gap_error=gap[..., 1],
        images=count,
    )


def _with_blocks(zoo: Zoo, task: str, contenders: Sequence[Contender]) -> list[tuple[Contender, Encoder]]:
    """Those that are one encoder, and not the expert."""
    expert = zoo.finetuned[task].digest
    single = [(one, one.encoders[task][0]) for one in contenders if len(one.encoders[task]) == 1]
    return [(one, encoder) for one, encoder in single if encoder.digest != expert]


class _Run:
    """One pass of several encoders over the images; the first of them is the expert."""

    def __init__(self, zoo: Zoo, encoders: Sequence[Encoder], tokens: str) -> None:
        self._zoo, self._encoders, self._tokens = zoo, encoders, tokens
        layers = range(zoo.architecture.layers)
        self._means: list[list[list[np.ndarray]]] = [[[] for _ in layers] for _ in encoders]
        self._gaps: list[list[list[np.ndarray]]] = [[[] for _ in layers] for _ in encoders[1:]]

    @torch.inference_mode()
    def through(self, images: Tensor, progress: Progress) -> None:
        """Run all images through all blocks."""
        _, phi = activation_of(self._zoo, MLossOptions())
        layers, loaded, done = list[Linear](), -1, 0
        networks = [encoder.weights for encoder in self._encoders]
        blocks = range(self._zoo.architecture.layers)
        for site in site_inputs(self._zoo, networks, images, blocks, self._tokens):
            if site.block != loaded:
                layers = []  # Let go of the last block's before the next one's are read.
                layers, loaded = [self._layer(encoder, site.block) for encoder in self._encoders], site.block
            self._add(site, layers, phi)
            done += site.images.stop - site.images.start
            progress(done / (len(images) * len(blocks)), f"block {site.block}")

    def cka(self) -> np.ndarray:
        """Linear CKA with the expert and its standard error, (model, block, 2)."""
        grams = [[gram_of(np.concatenate(block)) for block in network] for network in self._means]
        found = [[aligned(own, other) for own, other in zip(grams[0], model, strict=True)] for model in grams[1:]]
        return np.array(found).reshape(len(grams) - 1, len(grams[0]), 2)

    def gaps(self) -> np.ndarray:
        """Expert gap and its standard error, (model, block, 2)."""
        found = [[_mean_with_error(np.concatenate(block)) for block in model] for model in self._gaps]
        return np.array(found).reshape(len(self._gaps), len(self._means[0]), 2)

    def _layer(self, encoder: Encoder, block: int) -> Linear:
        key = weight_key(self._zoo.architecture.sites[block])
        bias, device = key.removesuffix("weight") + "bias", self._zoo.device
        return placed(encoder.weights, key, device), placed(encoder.weights, bias, device)

    def _add(self, site: SiteInputs, layers: Sequence[Linear], phi: Callable[[Tensor], Tensor]) -> None:
        for place, inputs in enumerate(site.inputs):
            self._means[place][site.block].append(inputs.mean(dim=1).double().cpu().numpy())
            if place:
                gap = _image_gap(inputs, [layers[place], layers[0]], phi)
                self._gaps[place - 1][site.block].append(gap)


def _image_gap(inputs: Tensor, layers: Sequence[Linear], phi: Callable[[Tensor], Tensor]) -> np.ndarray:
    """Mean over tokens and nodes of the squared difference of both layers' activations on the same inputs, (image,)."""
    step = max(1, CHUNK_VALUES // (inputs.shape[1] * len(layers[0][1])))
    found = []
    for chunk in inputs.split(step):
        # The first model alone makes the merged activation; the second is every image's expert.
        second = torch.ones(len(chunk), dtype=torch.int64, device=chunk.device)
        squares, _ = image_gaps([chunk], layers, second, (1.0, 0.0), phi)
        found.append(squares["expert_gap"].double().mean(1).cpu().numpy())
    return np.concatenate(found)


def _mean_with_error(values: np.ndarray) -> tuple[float, float]:
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(len(values)))
