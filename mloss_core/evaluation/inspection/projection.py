"""One task's images in a plane: features through several models, seen along their two main directions."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mloss_core.caching import Cache
from mloss_core.errors import InvalidOptionError
from mloss_core.types import Progress, part, silent

if TYPE_CHECKING:
    from mloss_core.zoo.model import Zoo

MOST = 600
"""Images that are shown."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Projection:
    """Features of the same images through several models, in one plane.

    Args:
        models: key, model and kind of each, as plain values.
        points: coordinates, float32 (model, image, 2).
        explained: share of each model's own variance that the plane shows, (model,).
        image: position of each image in the inspection of the same split and limit, (image,).
        truth: its class, (image,); None without labels. predicted: each model's answer, (model, image).
        images: number of images that the plane was fitted to.
    """

    models: tuple[Mapping[str, str], ...]
    points: np.ndarray
    explained: tuple[float, ...]
    image: np.ndarray
    truth: np.ndarray | None
    predicted: np.ndarray
    images: int

    def to_entry(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Plain values and arrays, as a result store keeps them."""
        arrays = {"points": self.points, "image": self.image, "predicted": self.predicted}
        if self.truth is not None:
            arrays["truth"] = self.truth
        models = [dict(model) for model in self.models]
        return {"models": models, "explained": list(self.explained), "images": self.images}, arrays

    @classmethod
    def from_entry(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Projection":
        """The projection of `to_entry`."""
        return cls(
            models=tuple(meta["models"]),
            explained=tuple(meta["explained"]),
            images=meta["images"],
            points=arrays["points"],
            image=arrays["image"],
            predicted=arrays["predicted"],
            truth=arrays.get("truth"),
        )


def projected_features(
    zoo: "Zoo",
    task: str,
    models: Sequence[Any],
    split: str = "test",
    *,
    limit: int | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> Projection:
    """The features of several models on one task's images along the two main directions of all of them together.

    Features are normalised, as the head sees them; those of an Ensemble are the mean of its models' normalised ones.
    One principal component analysis (scikit-learn's) of all models' features makes the axes, so that places in one
    picture are places in the other.

    Args:
        zoo, task, split, limit, progress, cache: as in `inspect_models`.
        models: as its `a` and `b`, at least one; the same model twice is one picture.

    Raises:
        InvalidOptionError: no model.
    """
    from mloss_core.evaluation.inspection.comparing import task_features, truth_of, with_images
    from mloss_core.evaluation.inspection.models import task_contenders
    from mloss_core.outputs.encoders import head_of

    if not models:
        raise InvalidOptionError("features are projected through at least one model; found none.")
    few = with_images(zoo, task, split, limit)
    contenders = task_contenders(zoo, task, models, part(progress, 0, 0.6))
    seen = task_features(few, task, split, contenders, part(progress, 0.6, 0.95), cache)
    shown = np.stack([found.numpy() for found in seen])
    count = shown.shape[1]
    points = _in_plane(shown)
    variance = points.var(axis=1).sum(axis=1) / np.maximum(shown.var(axis=1).sum(axis=1), 1e-12)
    places = _spread(count)
    truth, head = truth_of(few, task, split), head_of(zoo, task)
    answers = np.stack([(found @ head.to(found.dtype).T).argmax(dim=1).numpy() for found in seen])
    progress(1.0, "projected")
    return Projection(
        models=tuple({"key": one.key, "model": one.model, "kind": one.kind} for one in contenders),
        points=points[:, places].astype(np.float32),
        explained=tuple(variance.tolist()),
        image=places.astype(np.int32),
        truth=None if truth is None else truth.numpy()[places].astype(np.int32),
        predicted=answers[:, places].astype(np.int32),
        images=count,
    )


def _in_plane(features: np.ndarray) -> np.ndarray:
    """Features (model, image, embed_dim) along the two main directions of all of them, (model, image, 2)."""
    from sklearn.decomposition import PCA

    rows = features.reshape(-1, features.shape[2])
    if len(rows) < 2:  # Of one point there is no direction.
        return np.zeros((*features.shape[:2], 2))
    plane = PCA(n_components=2, svd_solver="covariance_eigh").fit(rows)
    return np.stack([plane.transform(found) for found in features])


def _spread(count: int) -> np.ndarray:
    """Places of at most `MOST` of so many images, drawn once and rising."""
    if count <= MOST:
        return np.arange(count)
    return np.sort(np.random.default_rng(0).permutation(count)[:MOST])
