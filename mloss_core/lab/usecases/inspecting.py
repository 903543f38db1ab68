"""Two models on one task's images: their answers, calibration, features and blocks, and the images themselves."""

import functools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from PIL import Image

from mloss_core.caching import THUMBNAILS, Cache, digest_of
from mloss_core.data.datasets import Dataset, check_split
from mloss_core.errors import DatasetError, InvalidOptionError
from mloss_core.evaluation.inspection import inspect_models, projected_features, reliability_curves, similarity_by_block
from mloss_core.lab.payloads import Payload
from mloss_core.lab.usecases.opening import MOST
from mloss_core.types import Progress
from mloss_core.zoo.model import Zoo

SIDE = 128
"""Longest side of a picture in pixels."""


def inspect_answers(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The inspection of two models."""
    found = inspect_models(
        zoo, params["task"], params["a"], params["b"], params["split"], limit=params.get("limit"), progress=progress
    )
    return Payload(*found.to_entry())


def inspect_calibration(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The reliability of the models."""
    curves = reliability_curves(
        zoo, params["task"], params["models"], params["split"], limit=params.get("limit"), progress=progress
    )
    return Payload({"curves": [curve.to_dict() for curve in curves]})


def inspect_features(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The models' features in one plane."""
    found = projected_features(
        zoo, params["task"], params["models"], params["split"], limit=params.get("limit"), progress=progress
    )
    return Payload(*found.to_entry())


def inspect_blocks(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """The models against the task's own expert, block by block."""
    most = {"images": params["images"]} if "images" in params else {}
    found = similarity_by_block(zoo, params["task"], params["models"], params["split"], **most, progress=progress)
    return Payload(*found.to_entry())


def draw_pictures(zoo: Zoo, params: Mapping[str, Any], progress: Progress) -> Payload:
    """Small pictures of the chosen images, kept one by one under what they are of; labels are not looked at."""
    task, split, indices = params["task"], check_split(params["split"]), params["indices"]
    zoo.check_tasks((task,))
    zoo.require_datasets((task,), "pictures need")
    if not 1 <= len(indices) <= MOST:
        raise InvalidOptionError(f"indices must be 1 to {MOST} whole numbers; found {len(indices)}.")
    dataset, cache = zoo.datasets[task], Cache()
    outside = [index for index in indices if not 0 <= index < dataset.size(split)]
    if outside:
        raise DatasetError(
            f"the {split} split of {task} has images 0 to {dataset.size(split) - 1}; found {outside[0]}."
        )
    keys = [digest_of("picture", dataset.digest, split, index, SIDE) for index in indices]
    known = {key: entry.arrays["pixels"] for key in keys if (entry := cache.get(THUMBNAILS, key)) is not None}
    missing = [(index, key) for index, key in zip(indices, keys, strict=True) if key not in known]
    drawn = _small(dataset, split, [index for index, _ in missing]) if missing else []
    for (index, key), pixels in zip(missing, drawn, strict=True):
        facts = {"task": task, "split": split, "index": index}
        known[key] = cache.remember(THUMBNAILS, key, functools.partial(_entry_of, facts, pixels)).arrays["pixels"]
    return Payload({"task": task, "split": split}, {"pixels": np.stack([known[key] for key in keys])})


def _entry_of(facts: Mapping[str, Any], pixels: np.ndarray) -> tuple[Mapping[str, Any], dict[str, np.ndarray]]:
    return facts, {"pixels": pixels}


def _small(dataset: Dataset, split: str, indices: Sequence[int]) -> list[np.ndarray]:
    """The images as people look at them, uint8 (side, side, 3), no longer than `SIDE`."""
    found = []
    for pixels in dataset.pixels(split, indices):
        picture = Image.fromarray(np.ascontiguousarray(pixels))
        picture.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
        found.append(np.asarray(picture))
    return found
