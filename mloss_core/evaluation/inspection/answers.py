"""The answers of two models to the same images, and which images tell them apart. No torch."""

import dataclasses
import functools
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from mloss_core.errors import DatasetError, unknown_name
from mloss_core.evaluation.paired import Difference, task_difference
from mloss_core.evaluation.rows import EvaluationRow

LABELLED = ("both_right", "only_a", "only_b", "both_wrong")
"""Fields of images with labels, by who is right."""
UNLABELLED = ("agree", "disagree")
"""Fields of images without labels, by whether both models give the same answer."""
SIDES = ("a", "b")
SPLITS = ("test", "val", "train")
"""Whose images can be inspected; images without labels are a training split."""
_ARRAYS = ("predicted", "margin", "confidence")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answers:
    """What one model answers to the images of a task.

    Args:
        key, model, kind, recipe: as in `EvaluationRow`.
        predicted: class of the highest logit, int32 (image,).
        margin: float32 (image,), in nats. With labels: the logit of the true class minus the best other one, which is
            the log odds of the two and positive exactly where the answer is right (0 where two classes tie). Without:
            the best logit minus the second.
        confidence: softmax probability of the answer, float32 (image,).
    """

    key: str
    model: str
    kind: str
    recipe: Mapping[str, Any] | None = None
    predicted: np.ndarray = dataclasses.field(repr=False)
    margin: np.ndarray = dataclasses.field(repr=False)
    confidence: np.ndarray = dataclasses.field(repr=False)

    def facts(self) -> dict[str, Any]:
        """Who answers, as plain values."""
        recipe = None if self.recipe is None else dict(self.recipe)
        return {"key": self.key, "model": self.model, "kind": self.kind, "recipe": recipe}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inspection:
    """Two models on the same images of one task.

    Args:
        task, split: whose images.
        classes: names in label order.
        a, b: the answers.
        truth: class of each image, int32 (image,); None where the images have no labels.
        index: place of each image in its split, int32 (image,): a limited number of images are not the first ones.
        files: name of each image's file; empty where images have none.
        digest: of the dataset.

    Example:
        Truth 0 0 1 1, A answers 0 0 1 0 and B 0 1 1 0: both right 2, only A 1, only B 0, both wrong 1.
    """

    task: str
    split: str
    classes: tuple[str, ...]
    a: Answers
    b: Answers
    truth: np.ndarray | None
    index: np.ndarray
    files: tuple[str, ...] = ()
    digest: str = ""

    @property
    def labelled(self) -> bool:
        """Whether the images have labels, so that there is a right and a wrong."""
        return self.truth is not None

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields that images fall into."""
        return LABELLED if self.labelled else UNLABELLED

    @functools.cached_property
    def field(self) -> np.ndarray:
        """Position in `fields` of each image's field, (image,)."""
        if self.truth is None:
            return (self.a.predicted != self.b.predicted).astype(np.int8)
        wrong_a, wrong_b = self.a.predicted != self.truth, self.b.predicted != self.truth
        return (2 * wrong_a + wrong_b).astype(np.int8)

    @functools.cached_property
    def decisiveness(self) -> np.ndarray:
        """Geometric mean of |margin of A| and |margin of B| of each image, in nats: large where both models are sure.

        The order that it gives does not depend on how large the logits of either model are.
        """
        return np.sqrt(np.abs(self.a.margin.astype(float) * self.b.margin.astype(float)))

    @functools.cached_property
    def counts(self) -> dict[str, int]:
        """Number of images by field."""
        return {name: int((self.field == place).sum()) for place, name in enumerate(self.fields)}

    def images(self, field: str) -> np.ndarray:
        """Positions of a field's images, the most decisive first.

        Raises:
            UnknownNameError: no such field.
        """
        if field not in self.fields:
            raise unknown_name("field", field, self.fields)
        return self.by_decisiveness(np.flatnonzero(self.field == self.fields.index(field)))

    def by_decisiveness(self, images: np.ndarray) -> np.ndarray:
        """These positions, the most decisive first; of equals the one that comes first in the split."""
        return images[np.argsort(-self.decisiveness[images], kind="stable")]

    @property
    def difference(self) -> Difference:
        """Accuracy of A minus that of B with its paired standard error.

        Raises:
            DatasetError: the images have no labels.
        """
        found = task_difference(self._row(self.a), self._row(self.b), self.task)
        assert found is not None
        return found

    @property
    def chance(self) -> float:
        """How likely the images that one model alone gets right split at least as unevenly, were neither better.

        McNemar's exact test, two-sided: with m such images of which A has k, min(1, 2 P(Binomial(m, 1/2) <= min(k, m -
        k))); 1 where there is none. It also holds for few images, of which a standard error says too little or nothing.

        Raises:
            DatasetError: the images have no labels.
        """
        from scipy.special import bdtr

        self._row(self.a)  # Refuses images without labels.
        alone = self.counts["only_a"], self.counts["only_b"]
        return min(1.0, 2 * float(bdtr(min(alone), sum(alone), 0.5)))

    @property
    def agreement(self) -> Difference:
        """Share of images to which both give the same answer, with its binomial standard error."""
        share, count = float((self.a.predicted == self.b.predicted).mean()), len(self.index)
        return Difference(share, math.sqrt(share * (1 - share) / count), paired=True)

    def accuracy(self, side: str) -> Difference:
        """Accuracy of `a` or `b` with its binomial standard error.

        Raises:
            DatasetError: the images have no labels.
        """
        row = self._row(getattr(self, side))
        return Difference(row.accuracy[self.task], row.task_error(self.task), paired=False)

    def answer(self, side: str) -> Answers:
        """The answers of `a` or `b`."""
        if side not in SIDES:
            raise unknown_name("side", side, SIDES)
        return self.a if side == "a" else self.b

    def _row(self, answers: Answers) -> EvaluationRow:
        if self.truth is None:
            raise DatasetError(
                f"accuracy needs labels; the {self.split} images of {self.task} have none. Take the agreement."
            )
        right = answers.predicted == self.truth
        share = float(right.mean())
        return EvaluationRow(
            key=answers.key,
            model=answers.model,
            kind=answers.kind,
            accuracy={self.task: share},
            counts={self.task: len(right)},
            average=share,
            correct={self.task: right},
        )

    def to_entry(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Plain values and arrays, as a result store keeps them."""
        arrays = {f"{side}/{name}": getattr(self.answer(side), name) for side in SIDES for name in _ARRAYS}
        arrays["index"] = self.index
        if self.truth is not None:
            arrays["truth"] = self.truth
        plain = {name: getattr(self, name) for name in ("task", "split", "digest")}
        lists = {"classes": list(self.classes), "files": list(self.files)}
        return {**plain, **lists, "a": self.a.facts(), "b": self.b.facts()}, arrays

    @classmethod
    def from_entry(cls, meta: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> "Inspection":
        """The inspection of `to_entry`."""
        stored: Mapping[str, dict[str, Any]] = {
            side: {**meta[side], **{name: arrays[f"{side}/{name}"] for name in _ARRAYS}} for side in SIDES
        }
        return cls(
            task=meta["task"],
            split=meta["split"],
            digest=meta["digest"],
            classes=tuple(meta["classes"]),
            files=tuple(meta["files"]),
            truth=arrays.get("truth"),
            index=arrays["index"],
            a=Answers(**stored["a"]),
            b=Answers(**stored["b"]),
        )
