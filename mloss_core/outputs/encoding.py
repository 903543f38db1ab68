"""Features of encoders on the images of a dataset, computed once for each content and kept in the cache."""

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mloss_core.caching import FEATURES, Cache, digest_of
from mloss_core.errors import CheckpointError
from mloss_core.outputs.encoders import TOWER_BYTES, as_encoder, dataset_of, running_tower, tower_bytes
from mloss_core.outputs.images import STORE
from mloss_core.placement import in_order
from mloss_core.types import Progress, StateDict, part, silent
from mloss_core.zoo.model import Encoder, Zoo


@dataclasses.dataclass(frozen=True, kw_only=True)
class Images:
    """Images to encode.

    Args:
        identity: plain values that say which images they are; part of the cache key.
        count: how many.
        batches: gives them anew, so many at a time, normalised as the encoders want them.
        label: what to call them in messages.
    """

    identity: Mapping[str, str]
    count: int
    batches: Callable[[int], Iterable[Tensor]]
    label: str


def features(
    zoo: Zoo,
    weights: "Encoder | StateDict | Any",
    task: str,
    split: str,
    *,
    digest: str | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> Tensor:
    """Features of one encoder on all images of a task's split.

    Args:
        zoo: architecture, dataset and device.
        weights: an encoder, a merge result or a state dict; see `as_encoder`.
        task: whose images.
        split: train, val or test.
        digest: of a state dict's content, where it is known.
        progress: told after each batch.
        cache: where features are kept; the common one by default.

    Returns:
        float32 (image, embed_dim) on the CPU, not normalised.

    Raises:
        ZooError: the zoo has no dataset for the task.
        DatasetError: no such split, or an empty one.
        CheckpointError: the features are not finite.
    """
    encoder = as_encoder(weights, digest=digest)
    return features_of_many(zoo, [encoder], task, split, progress=progress, cache=cache)[0]


def features_of_many(
    zoo: Zoo,
    encoders: Sequence[Encoder],
    task: str,
    split: str,
    *,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> list[Tensor]:
    """`features` of several encoders in one pass over the images: those not in the cache run batch by batch, together.

    At most 1 GiB of towers runs at once; more encoders than that take further passes.
    """
    cache = cache or Cache()
    return features_of_images(zoo, encoders, images_of_split(zoo, task, split, cache), progress=progress, cache=cache)


def images_of_split(zoo: Zoo, task: str, split: str, cache: Cache | None = None) -> Images:
    """All images of a task's split.

    Args:
        zoo, task, split: as in `features`, with its errors.
        cache: where drawn images are kept besides in memory; None for nowhere.
    """
    dataset = dataset_of(zoo, task, split)
    return Images(
        identity={"dataset": dataset.digest, "split": split},
        count=dataset.size(split),
        batches=lambda size: STORE.batches(dataset, split, size, cache),
        label=f"the {split} images of {task}",
    )


def features_of_images(
    zoo: Zoo, encoders: Sequence[Encoder], images: Images, *, progress: Progress = silent, cache: Cache | None = None
) -> list[Tensor]:
    """Features of several encoders on any images, from the cache or in one pass; see `features_of_many`."""
    cache = cache or Cache()
    keys = [_key(zoo, encoder, images) for encoder in encoders]
    entries = {key: cache.get(FEATURES, key) for key in keys}
    missing = {key: encoder for key, encoder in zip(keys, encoders, strict=True) if entries[key] is None}
    computed = _run(zoo, list(missing.values()), images, progress)
    for (key, encoder), found in zip(missing.items(), computed, strict=True):
        _check_finite(found, encoder, images)
        entries[key] = cache.remember(FEATURES, key, functools.partial(_entry_of, images, found))
    known = {key: entry.arrays["features"] for key, entry in entries.items() if entry is not None}
    return [torch.from_numpy(known[key]) for key in keys]


def _entry_of(images: "Images", found: np.ndarray) -> tuple[Mapping[str, Any], dict[str, np.ndarray]]:
    return images.identity, {"features": found}


def batch_size(zoo: Zoo, count: int | None = None) -> int:
    """Images a batch: 128 (256 on a GPU), fewer for large towers, so that one hidden layer takes at most 128 MiB.

    So many images as `count` are cut into an even number of equal batches, whatever the number of threads.
    """
    architecture, most = zoo.architecture, 128 if zoo.device.type == "cpu" else 256
    size = max(8, min(most, 2**25 // (architecture.tokens * architecture.mlp_width)))
    return size if count is None or count <= 8 else math.ceil(count / (2 * math.ceil(count / (2 * size))))


def _key(zoo: Zoo, encoder: Encoder, images: Images) -> str:
    return digest_of("features", encoder.digest, zoo.architecture.to_dict(), dict(images.identity))


def _run(zoo: Zoo, encoders: list[Encoder], images: Images, progress: Progress) -> list[np.ndarray]:
    together = max(1, TOWER_BYTES // tower_bytes(zoo))
    groups = [encoders[start : start + together] for start in range(0, len(encoders), together)]
    found = []
    for position, group in enumerate(groups):
        found += _encode(zoo, group, images, part(progress, position / len(groups), (position + 1) / len(groups)))
    return found


def _encode(zoo: Zoo, encoders: list[Encoder], images: Images, progress: Progress) -> list[np.ndarray]:
    towers = [running_tower(zoo, encoder) for encoder in encoders]

    @torch.inference_mode()
    def encode(batch: Tensor) -> list[Tensor]:
        here = batch.to(zoo.device)
        return [tower(here).float().cpu() for tower in towers]

    by_batch: list[list[Tensor]] = []
    done = 0
    for found in in_order(encode, images.batches(batch_size(zoo, images.count)), _batches_at_once(zoo)):
        progress(done / images.count, f"encoding {images.label}")
        by_batch.append(found)
        done += len(found[0])
    progress(1.0, f"encoded {images.label}")
    return [torch.cat(pieces).numpy() for pieces in zip(*by_batch, strict=True)]


def _batches_at_once(zoo: Zoo) -> int:
    """As many as torch would use threads for one of them; a GPU runs one after the other."""
    return torch.get_num_threads() if zoo.device.type == "cpu" else 1


def _check_finite(found: np.ndarray, encoder: Encoder, images: Images) -> None:
    if not np.isfinite(found).all():
        raise CheckpointError(
            f"the features of {encoder.name} must be finite; on {images.label} they are not. Its weights are damaged "
            "or too large: lower the scale of the merge, or check the file."
        )
