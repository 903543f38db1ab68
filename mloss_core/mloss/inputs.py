"""The inputs of every site, block by block: what the images have become when they reach a block's first MLP layer.

All images pass a block before the next block's weights are read. So each weight is read once, one block of one network
is on the device at a time, and what stays in memory is the images' tokens, whatever the depth and number of models.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import torch
from torch import Tensor

from mloss_core.state_dicts import LazyAverage
from mloss_core.types import StateDict
from mloss_core.vision.blocks import Block, build_block, image_embedder
from mloss_core.zoo.model import Zoo

BATCH_BYTES = 1 << 27
"""Memory that one batch of images may take inside a block."""
GROUP_BYTES = 1 << 30
"""Memory that the tokens of all images between two blocks may take; more images make several passes."""
_TOKENS = {"all": slice(None), "class": slice(0, 1), "patches": slice(1, None)}


@dataclasses.dataclass(frozen=True)
class SiteInputs:
    """Inputs of one site for some of the images.

    Args:
        block: the site's block.
        images: which images these are, consecutive ones.
        inputs: (image, token, width) of each network.
    """

    block: int
    images: slice
    inputs: tuple[Tensor, ...]


def feeding_networks(
    zoo: Zoo, mode: str, weights: Sequence[float], given: StateDict | None = None
) -> tuple[StateDict, ...]:
    """Weights of the networks that feed the sites: one that all sources share, or each source's own.

    Args:
        zoo: the models to measure, and no others.
        mode: progressive (the weighted average), pretrained, or own.
        weights: of the models.
        given: weights of another network to feed the sites, such as a merged model's; replaces `mode`.
    """
    if given is not None:
        return (given,)
    if mode == "pretrained":
        return (zoo.pretrained.weights,)
    sources = tuple(encoder.weights for encoder in zoo.sources())
    return sources if mode == "own" else (LazyAverage(sources, weights),)


@torch.inference_mode()
def site_inputs(
    zoo: Zoo, networks: Sequence[StateDict], images: Tensor, blocks: Iterable[int], tokens: str = "all"
) -> Iterator[SiteInputs]:
    """Run the networks on the images and stop at every block that is asked for.

    Args:
        zoo: for its architecture and device.
        networks: canonical weights, read block by block.
        images: (image, 3, side, side), normalised.
        blocks: block indices; nothing after the last one is computed.
        tokens: all, class or patches.

    Yields:
        For every group of images, block and batch, in this order, the inputs of that block's first MLP layer.
    """
    wanted = set(blocks)
    last, shape = max(wanted), zoo.architecture
    embedders = [image_embedder(shape, net, zoo.device) for net in networks]
    for group in _slices(0, len(images), _group_size(zoo, len(networks))):
        batches = _slices(group.start, group.stop, batch_size(zoo))
        hidden = [[embed(images[batch]) for batch in batches] for embed in embedders]
        for block in range(last + 1):
            layers = [build_block(shape, net, block, zoo.device) for net in networks]
            for place, batch in enumerate(batches):
                site = []
                for layer, states in zip(layers, hidden, strict=True):
                    inputs, states[place] = _through(layer, states[place], advance=block < last)
                    site.append(inputs[:, _TOKENS[tokens]])
                if block in wanted:
                    yield SiteInputs(block, batch, tuple(site))


def _slices(start: int, stop: int, size: int) -> list[slice]:
    return [slice(first, min(first + size, stop)) for first in range(start, stop, size)]


def _through(layer: Block, tokens: Tensor, advance: bool) -> tuple[Tensor, Tensor]:
    """The input of a block's MLP, and the block's output (its input again where nothing follows)."""
    attended = layer.attended(tokens)
    inputs = layer.mlp_inputs(attended)
    return inputs, layer.output(attended, inputs) if advance else tokens


def batch_size(zoo: Zoo) -> int:
    """Images at a time whose passage through one block fits in `BATCH_BYTES`."""
    shape = zoo.architecture
    values = shape.tokens * (8 * shape.width + 2 * shape.mlp_width + shape.heads * shape.tokens)
    return max(1, min(256, BATCH_BYTES // (4 * values)))


def _group_size(zoo: Zoo, networks: int) -> int:
    """Images at a time whose tokens fit in `GROUP_BYTES`."""
    return max(1, GROUP_BYTES // (4 * networks * zoo.architecture.tokens * zoo.architecture.width))
