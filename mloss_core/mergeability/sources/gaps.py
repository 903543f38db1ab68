"""The expert gap of pairs: how far the averaged pair's activations are from those of each task's own model."""

from collections.abc import Iterator, Sequence

import numpy as np

from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError
from mloss_core.mergeability.sources.model_facts import Arrays
from mloss_core.mloss.expert_gap import gap_layers
from mloss_core.outputs.calibration import draw_calibration
from mloss_core.recipe import MLossOptions
from mloss_core.types import Progress
from mloss_core.zoo.model import Zoo

Pair = tuple[str, str]
FACTS = ("expert_gap", "expert_gap_normalised", "ensemble_gap")


def gaps_of_pairs(
    zoo: Zoo, pairs: Sequence[Pair], options: MLossOptions, progress: Progress, cache: Cache
) -> Iterator[tuple[Pair, Arrays]]:
    """Expert gap of each pair in every block: what `measure_expert_gap(zoo, tasks=pair)` gives. Images are drawn once.

    Yields:
        the pair, and as float64 (block,) each of `FACTS`; see `ExpertGapReport.layers`.

    Raises:
        InvalidOptionError: options with weights of models.
        ZooError, DatasetError: no images for a task, or too few.
    """
    if options.weights is not None:
        raise InvalidOptionError("weights belong to one set of models; pairs are measured with equal ones. Leave them.")
    tasks = tuple(task for task in zoo.tasks if any(task in pair for pair in pairs))
    images = draw_calibration(
        zoo,
        tasks,
        samples_per_task=options.samples_per_task,
        seed=options.seed,
        sampling=options.sampling,
        preprocess=options.preprocess,
    )
    for position, pair in enumerate(pairs):
        progress(position / len(pairs), f"expert gap of {' and '.join(pair)}")
        two = zoo.subset(tuple(dict.fromkeys(pair)))
        places = [tasks.index(task) for task in two.tasks]
        mine = images.take(np.flatnonzero(np.isin(images.task, places)))
        rows, _ = gap_layers(two, mine.renumbered(places, two.tasks), options)
        yield pair, {name: np.array([row[name] for row in rows], np.float64) for name in FACTS}
