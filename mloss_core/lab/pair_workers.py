"""Work on pairs by several processes. They meet in the cache: each pair's facts follow from its two models alone."""

import functools
from collections.abc import Callable, Sequence

from mloss_core.errors import InvalidOptionError
from mloss_core.types import Progress
from mloss_core.zoo.model import Zoo

Pair = tuple[str, str]
Work = Callable[[Zoo, Sequence[Pair]], object]
"""Computes what is to be known of some pairs and leaves it in the cache. Must be picklable."""
_PARTS = 8
"""Parts of the pairs for each worker, so that none waits long for the last of another."""


def spread(zoo_name: str, device: str, pairs: Sequence[Pair], work: Work, workers: int, progress: Progress) -> None:
    """Let `workers` processes do the work, each on a zoo that it opens itself. What comes back is in the cache.

    Args:
        zoo_name: as `open_zoo` takes it.
        device: likewise; several processes on one GPU share it.
        pairs: on which to work.
        work: what to do with some of them.
        workers: how many processes, at least 1; with one there is nothing to spread and nothing is done.
        progress: told after each part.

    Raises:
        InvalidOptionError: fewer than one worker.
    """
    if workers < 1:
        raise InvalidOptionError(f"at least one worker must do the work; found {workers}.")
    if workers == 1:
        return
    from joblib import Parallel, delayed

    parts = _parts(pairs, workers * _PARTS)
    run = delayed(functools.partial(_run, zoo_name, device, work))
    for done, _ in enumerate(Parallel(workers, return_as="generator_unordered")(run(part) for part in parts), 1):
        progress(done / len(parts), f"{done} of {len(parts)} parts")


def _parts(pairs: Sequence[Pair], count: int) -> list[list[Pair]]:
    """Neighbours stay together: they share their first model."""
    size = -(-len(pairs) // count)
    return [list(pairs[start : start + size]) for start in range(0, len(pairs), size)]


def _run(zoo_name: str, device: str, work: Work, pairs: Sequence[Pair]) -> None:
    import torch

    torch.set_num_threads(1)
    work(_opened(zoo_name, device), pairs)


@functools.cache
def _opened(zoo_name: str, device: str) -> Zoo:
    from mloss_core.opening import open_zoo

    return open_zoo(zoo_name, device=device)
