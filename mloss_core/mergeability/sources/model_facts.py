"""Facts of one model, or of one model on the images of one task: computed once, kept in the cache, shared by pairs."""

import functools
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from mloss_core.caching import MODEL_FACTS, Cache, digest_of
from mloss_core.data.datasets import Dataset
from mloss_core.zoo.model import Encoder, Zoo

Arrays = Mapping[str, np.ndarray]


def remembered(cache: Cache, what: str, identity: Any, compute: Callable[[], Arrays]) -> Arrays:
    """The facts, from the cache or computed and kept.

    Args:
        cache: where they are kept.
        what: which facts, for people who look into the cache.
        identity: plain values that they follow from.
        compute: gives them as arrays by name.
    """
    key = digest_of("model-facts", what, identity)
    entry = cache.remember(MODEL_FACTS, key, functools.partial(_entry, what, compute))
    return entry.arrays


def _entry(what: str, compute: Callable[[], Arrays]) -> tuple[Mapping[str, Any], Arrays]:
    return {"facts": what}, compute()


def on_images(zoo: Zoo, encoder: Encoder, dataset: Dataset, samples: int, seed: int) -> list[Any]:
    """What facts of a model on a draw of a task's images follow from."""
    return [encoder.digest, zoo.architecture.to_dict(), dataset.digest, samples, seed]
