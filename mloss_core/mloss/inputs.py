"""The inputs of every site: what the images have become when they reach a block's first MLP layer."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from mloss_core.state_dicts import average
from mloss_core.types import StateDict
from mloss_core.zoo import Zoo

BATCH_BYTES = 1 << 28
"""Memory that the captured inputs of one batch of images may take."""


def input_towers(zoo: Zoo, mode: str, weights: Sequence[float], given: StateDict | None = None) -> list[nn.Module]:
    """The towers that feed the sites: one that all sources share, or each source's own.

    Args:
        zoo: the models to measure, and no others.
        mode: progressive (the weighted average), pretrained, or own.
        weights: of the models.
        given: weights of another network to feed the sites, such as a merged model's; replaces `mode`.
    """
    if given is not None:
        return [zoo.tower(given)]
    if mode == "pretrained":
        return [zoo.tower(zoo.pretrained.weights)]
    sources = [encoder.weights for encoder in zoo.sources()]
    if mode == "own":
        return [zoo.tower(source) for source in sources]
    return [zoo.tower(average(sources, weights))]


def batch_size(zoo: Zoo, towers: int) -> int:
    """Images at a time whose captured inputs fit in `BATCH_BYTES`."""
    shape = zoo.architecture
    return max(1, min(256, BATCH_BYTES // (4 * shape.layers * shape.tokens * shape.width * towers)))


@contextmanager
def captured(tower: nn.Module) -> Iterator[dict[int, Tensor]]:
    """While open, a forward fills the dict: block -> input of its first MLP layer (image, token, width)."""
    found: dict[int, Tensor] = {}

    def hook(block: int):
        def keep(_: nn.Module, args: tuple[Tensor, ...]) -> None:
            found[block] = args[0]

        return keep

    handles = [
        block.mlp.c_fc.register_forward_pre_hook(hook(position))
        for position, block in enumerate(tower.transformer.resblocks)  # type: ignore[union-attr, arg-type]
    ]
    try:
        yield found
    finally:
        for handle in handles:
            handle.remove()


@torch.inference_mode()
def site_inputs(tower: nn.Module, images: Tensor, tokens: str = "all") -> dict[int, Tensor]:
    """Input of every block's first MLP layer for a batch of images; `tokens` picks all, class or patches."""
    with captured(tower) as found:
        tower(images)
    part = {"all": slice(None), "class": slice(0, 1), "patches": slice(1, None)}[tokens]
    return {block: inputs[:, part].float() for block, inputs in found.items()}
