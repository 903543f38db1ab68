"""The expert gap of pairs: how far the averaged pair's activations are from those of each task's own model."""

from collections.abc import Iterator, Sequence

import numpy as np

from mloss_core.caching import Cache
from mloss_core.mergeability.sources.model_facts import Arrays
from mloss_core.mloss.expert_gap import gap_layers
from mloss_core.outputs.calibration import draw_calibration
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress
from mloss_core.zoo.model import Zoo

Pair = tuple[str, str]
_PARTS = ("expert_gap", "expert_gap_normalised", "ensemble_gap")


def gaps_of_pairs(
    zoo: Zoo, pairs: Sequence[Pair], options: MLossOptions, progress: Progress, cache: Cache
) -> Iterator[tuple[Pair, Arrays]]:
    """Expert gap of each pair in every block, on the inputs of the pair's average; see `mloss.expert_gap`.

    Yields:
        the pair, and as float64 (block,): `expert_gap`, `expert_gap_normalised` and `ensemble_gap`.
    """
    for position, pair in enumerate(pairs):
        progress(position / len(pairs), f"expert gap of {' and '.join(pair)}")
        two = zoo.subset(tuple(dict.fromkeys(pair)))
        images = draw_calibration(two, samples_per_task=options.samples_per_task, seed=options.seed)
        rows, _ = gap_layers(two, images, options)
        yield pair, {name: np.array([row[name] for row in rows], np.float64) for name in _PARTS}
