"""Does a model know how sure it may be? Reliability and expected calibration error on one task's labelled images."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mloss_core.caching import Cache
from mloss_core.errors import DatasetError
from mloss_core.types import Progress, part, silent

if TYPE_CHECKING:
    from mloss_core.zoo.model import Zoo

BINS = 10
REPLICATES = 400


@dataclasses.dataclass(frozen=True, kw_only=True)
class Reliability:
    """How often a model is right when it is so confident.

    Args:
        key, model, kind: as in `EvaluationRow`.
        confidence: mean confidence of each bin that holds images, (bin,); `accuracy` and `count` likewise.
        error: binomial standard error of each bin's accuracy, (bin,).
        ece: expected calibration error: sum over bins of (count / images) |accuracy - confidence|.
        ece_error: its standard deviation over resampled images.
        ece_floor: what a perfectly calibrated model of these confidences would show on so few images: the mean over
            draws of right answers by the confidences themselves.
        images: number of images.
        mean_confidence: over all images; `mean_accuracy` likewise.
    """

    key: str
    model: str
    kind: str
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]
    count: tuple[int, ...]
    error: tuple[float, ...]
    ece: float
    ece_error: float
    ece_floor: float
    images: int
    mean_confidence: float
    mean_accuracy: float

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {name: list(value) if isinstance(value, tuple) else value for name, value in vars(self).items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Reliability":
        """The curve of `to_dict`."""
        fields: dict[str, Any] = {n: tuple(value) if isinstance(value, list) else value for n, value in values.items()}
        return cls(**fields)


def reliability(
    confidence: np.ndarray, right: np.ndarray, *, key: str = "", model: str = "", kind: str = "", bins: int = BINS
) -> Reliability:
    """The curve of scikit-learn's `calibration_curve` in equally wide bins, with counts, errors and the ECE.

    Args:
        confidence: softmax probability of each answer, (image,).
        right: whether each answer is right, bool (image,).
        key, model, kind: of the model.
        bins: how many of equal width between 0 and 1; empty ones are left out.

    Example:
        Confidences .95 .95 .65 .65, right 1 0 1 1: accuracies .5 and 1, ECE (.45 + .35) / 2 = .4.
    """
    from sklearn.calibration import calibration_curve

    confidence, right = np.asarray(confidence, float), np.asarray(right, bool)
    confidence = confidence.clip(0, 1)
    accuracy, mean = calibration_curve(right, confidence, n_bins=bins, strategy="uniform")
    place = _bin_of(confidence, bins)
    count = np.bincount(place, minlength=bins)
    count = count[count > 0]
    draw = np.random.default_rng(0)
    picks = draw.integers(0, len(right), (REPLICATES, len(right)))
    resampled = [_ece(confidence[pick], right[pick], place[pick], bins) for pick in picks]
    ideal = draw.random((REPLICATES, len(right))) < confidence
    floor = [_ece(confidence, answers, place, bins) for answers in ideal]
    return Reliability(
        key=key,
        model=model,
        kind=kind,
        confidence=tuple(mean.tolist()),
        accuracy=tuple(accuracy.tolist()),
        count=tuple(count.tolist()),
        error=tuple(np.sqrt(accuracy * (1 - accuracy) / count).tolist()),
        ece=_ece(confidence, right, place, bins),
        ece_error=float(np.std(resampled)),
        ece_floor=float(np.mean(floor)),
        images=len(right),
        mean_confidence=float(confidence.mean()),
        mean_accuracy=float(right.mean()),
    )


def reliability_curves(
    zoo: "Zoo",
    task: str,
    models: Sequence[Any],
    split: str = "test",
    *,
    limit: int | None = None,
    progress: Progress = silent,
    cache: Cache | None = None,
) -> list[Reliability]:
    """The reliability of several models on one task, each under the task's zero-shot head.

    Args:
        zoo, task, split, limit, progress, cache: as in `inspect_models`.
        models: as its `a` and `b`; the same model twice is one curve.

    Raises:
        DatasetError: the images have no labels.
    """
    from mloss_core.evaluation.inspection.comparing import task_logits, truth_of, with_images
    from mloss_core.evaluation.inspection.models import task_contenders

    few = with_images(zoo, task, split, limit)
    truth = truth_of(few, task, split)
    if truth is None:
        raise DatasetError(f"calibration needs labels; the {split} images of {task} have none.")
    contenders = task_contenders(zoo, task, models, part(progress, 0, 0.6))
    curves = []
    for one, logits in zip(
        contenders, task_logits(few, task, split, contenders, part(progress, 0.6, 1), cache), strict=True
    ):
        best = logits.double().softmax(dim=1).max(dim=1)
        right = best.indices.eq(truth).numpy()
        curves.append(reliability(best.values.numpy(), right, key=one.key, model=one.model, kind=one.kind))
    return curves


def _bin_of(confidence: np.ndarray, bins: int) -> np.ndarray:
    """The bin that scikit-learn puts each confidence into: a confidence on an edge belongs to the bin below."""
    return np.searchsorted(np.linspace(0, 1, bins + 1)[1:-1], confidence)


def _ece(confidence: np.ndarray, right: np.ndarray, place: np.ndarray, bins: int) -> float:
    """Sum over bins of |sum of (right - confidence)| / images."""
    return float(np.abs(np.bincount(place, weights=right - confidence, minlength=bins)).sum() / len(right))
