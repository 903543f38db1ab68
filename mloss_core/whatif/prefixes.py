"""Running a tower from the first block that changed: what enters it is kept from the run before."""

import contextlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from mloss_core.caching import digest_of
from mloss_core.state_dicts import tensor_digest
from mloss_core.types import StateDict
from mloss_core.vision.architecture import BLOCK_PREFIX

LIMIT = 256 * 2**20
"""Bytes of activations that are kept; those used least recently go first."""
_BEHIND = ("ln_post.", "attn_pool.", "proj")
Stop = Callable[[], None]
"""Raises when the work is no longer wanted."""


class Prefixes:
    """What enters a block, by the images and the weights of everything in front of it. Exact: what is kept is what the
    same tower computed on the same batches.

    Args:
        limit: bytes of all that is kept.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self._kept: OrderedDict[str, list[Tensor]] = OrderedDict()

    def get(self, key: str) -> list[Tensor] | None:
        """The activations in the order of the batches."""
        if key in self._kept:
            self._kept.move_to_end(key)
        return self._kept.get(key)

    def keep(self, key: str, tokens: Sequence[Tensor]) -> None:
        """Keep activations; nothing where they alone are too many."""
        if sum(each.nbytes for each in tokens) > self.limit:
            return
        self._kept[key] = list(tokens)
        while sum(each.nbytes for kept in self._kept.values() for each in kept) > self.limit:
            self._kept.popitem(last=False)


def prefix_digest(weights: StateDict, block: int) -> str:
    """Digest of all weights in front of a block."""
    later = tuple(BLOCK_PREFIX.format(index) for index in range(block, _blocks(weights)))
    front = [key for key in weights if not key.startswith((*later, *_BEHIND))]
    return digest_of(block, {key: tensor_digest(weights[key]) for key in front})


def run_tower(
    tower: torch.nn.Module,
    batches: Sequence[Tensor],
    device: torch.device,
    *,
    block: int = 0,
    entering: "Sequence[Tensor] | None" = None,
    pool: ThreadPoolExecutor | None = None,
    stop: Stop = lambda: None,
) -> tuple[list[Tensor], list[Tensor]]:
    """Features of each batch, float32 on the CPU, and what entered a block.

    Args:
        tower: of `build_tower`; nobody else may run it meanwhile.
        batches: normalised images.
        block: index of a block; 0 keeps nothing.
        entering: what enters the block for each batch, where it is known: the blocks in front of it are left out then.
        pool: runs batches at once; one after the other without.
        stop: asked before every batch.
    """
    place = threading.local()
    caught: dict[int, Tensor] = {}

    @torch.inference_mode()
    def run(position: int) -> Tensor:
        stop()
        place.position = position
        return tower(batches[position].to(device)).float().cpu()

    with _watched(tower, block, place, entering, caught):
        found = list((map if pool is None else pool.map)(run, range(len(batches))))
    return found, [caught[position] for position in sorted(caught)]


@contextlib.contextmanager
def _watched(
    tower: Any, block: int, place: threading.local, entering: "Sequence[Tensor] | None", caught: dict[int, Tensor]
) -> Iterator[None]:
    """A hook in front of the block that notes what enters it, or puts in its place what is known to enter it."""
    if block == 0:
        yield
        return
    blocks = tower.transformer.resblocks

    def note(module: torch.nn.Module, inputs: tuple) -> None:
        caught[place.position] = inputs[0]

    def replace(module: torch.nn.Module, inputs: tuple) -> tuple:
        return (entering[place.position], *inputs[1:]) if entering is not None else inputs

    handle = blocks[block].register_forward_pre_hook(note if entering is None else replace)
    if entering is not None:
        tower.transformer.resblocks = torch.nn.ModuleList(blocks[block:])
    try:
        yield
    finally:
        handle.remove()
        tower.transformer.resblocks = blocks


def _blocks(weights: Mapping[str, Tensor]) -> int:
    first, _, _ = BLOCK_PREFIX.partition("{")
    return 1 + max((int(key[len(first) :].split(".")[0]) for key in weights if key.startswith(first)), default=-1)
