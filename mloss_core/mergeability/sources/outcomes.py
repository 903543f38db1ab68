"""What a pair starts from and what its average really does: zero-shot accuracy, and agreement with the two experts."""

from collections.abc import Iterator, Sequence

import numpy as np

from mloss_core.caching import Cache, digest_of
from mloss_core.evaluation.criteria import criterion_scores
from mloss_core.mergeability.pair_names import AGREEMENT_IMAGES
from mloss_core.mergeability.sources.model_facts import Arrays
from mloss_core.recipe import MLossOptions
from mloss_core.state_dicts import LazyAverage, tensor_digest
from mloss_core.types import Progress
from mloss_core.zoo.model import Encoder, Zoo

Pair = tuple[str, str]


def zero_shot(
    zoo: Zoo, pairs: Sequence[Pair], options: MLossOptions, progress: Progress, cache: Cache
) -> Iterator[tuple[Pair, Arrays]]:
    """Accuracy of the pretrained model on all labelled validation images of each pair's tasks.

    Yields:
        the pair, and `accuracy` (2,), fractions.

    Raises:
        ZooError, DatasetError: no head, no validation images or no labels for a task.
    """
    tasks = list(dict.fromkeys(task for pair in pairs for task in pair))
    found = criterion_scores(
        zoo, zoo.pretrained, ("validation",), images=None, tasks=tasks, progress=progress, cache=cache
    )
    accuracies = found["validation"].tasks
    for a, b in pairs:
        yield (a, b), {"accuracy": np.array([accuracies[a], accuracies[b]])}


def agreement(
    zoo: Zoo, pairs: Sequence[Pair], options: MLossOptions, progress: Progress, cache: Cache
) -> Iterator[tuple[Pair, Arrays]]:
    """Top-1 agreement of each averaged pair with the expert of either task, on that task's unlabeled images.

    Yields:
        the pair, and `agreement` (2,), fractions.

    Raises:
        ZooError, DatasetError: no head or no images for a task.
    """
    for position, (a, b) in enumerate(pairs):
        progress(position / len(pairs), f"averaging {a} and {b}")
        merged, tasks = average_of(zoo, (a, b)), tuple(dict.fromkeys((a, b)))
        scores = criterion_scores(
            zoo, merged, ("expert_agreement",), images=AGREEMENT_IMAGES, seed=options.seed, tasks=tasks, cache=cache
        )
        rates = scores["expert_agreement"].tasks
        yield (a, b), {"agreement": np.array([rates[a], rates[b]])}


def average_of(zoo: Zoo, pair: Pair) -> Encoder:
    """The two models averaged, read lazily."""
    models = [zoo.encoder(task) for task in pair]
    digest = digest_of("average of a pair", [model.digest for model in models])
    return Encoder(f"average of {' and '.join(pair)}", LazyAverage([model.weights for model in models]), digest)


def head_identity(zoo: Zoo, pair: Pair, options: MLossOptions) -> list[object]:
    """What these facts depend on, beside the models."""
    digests = [zoo.datasets[task].digest for task in pair if task in zoo.datasets]
    heads = [tensor_digest(zoo.heads[task]) for task in pair if task in zoo.heads]
    return [zoo.architecture.to_dict(), digests, heads, AGREEMENT_IMAGES, options.seed]
