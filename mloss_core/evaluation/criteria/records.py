"""The registry of criteria: what each needs, in which unit and direction it is, and what is wrong with it. No torch."""

import dataclasses
import importlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from mloss_core.errors import unknown_name

_RULES = "mloss_core.evaluation.criteria.rules"
NEEDS = frozenset({"head", "labels", "own", "ensemble"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Criterion:
    """Something that a merge can be judged by. Larger values are better unless `higher_is_better` says otherwise.

    Args:
        name: its key in `CRITERIA`, on the command line and in JSON.
        title: its name for people; `short` where there is little room.
        summary: one sentence: what exactly is computed.
        weakness: one sentence: when not to trust it. Shown wherever the criterion is.
        unit: of the value: `fraction`, `nats` or `cosine`.
        needs: what it takes beside images and the model: `head` (of the task), `labels`, `own` (each task's own
            fine-tuned encoder runs on that task's images), `ensemble` (every encoder runs on every image).
        data: the same for people.
        higher_is_better: the direction.
        target: `module:function` from `Answers` of one task to a value for each image, (image,) float64.
    """

    name: str
    title: str
    short: str
    summary: str
    weakness: str
    unit: str
    needs: frozenset[str]
    data: str
    higher_is_better: bool = True
    target: str

    @property
    def labels(self) -> bool:
        """Whether it reads labels."""
        return "labels" in self.needs

    @property
    def function(self) -> Callable[[Any], Any]:
        """The function behind it, imported on first use: forms and tables need only the record."""
        module, _, name = self.target.partition(":")
        return getattr(importlib.import_module(module), name)


@dataclasses.dataclass(frozen=True, kw_only=True)
class CriterionScore:
    """What a criterion says of one model.

    Args:
        criterion: its name.
        value: mean over the images of a task, then over tasks; in the criterion's unit.
        standard_error: sampling error of `value` from the number of images: sqrt(sum of variance / n) / tasks. That of
            a difference between models on the same images is smaller.
        tasks: the value by task.
        images: number of images by task.
        split: where the images come from.
    """

    criterion: str
    value: float
    standard_error: float
    tasks: Mapping[str, float]
    images: Mapping[str, int]
    split: str

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**vars(self), "tasks": dict(self.tasks), "images": dict(self.images)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "CriterionScore":
        """The score of `to_dict`."""
        return cls(**values)


_UNLABELED = "unlabeled images of each task and its head"
_ALL = (
    Criterion(
        name="validation",
        title="Validation accuracy",
        short="Validation accuracy",
        summary="Top-1 accuracy on validation images, mean over tasks.",
        weakness="It needs labels, and a figure that chose a recipe flatters it: report on test images.",
        unit="fraction",
        needs=frozenset({"head", "labels"}),
        data="labelled validation images of each task and its head",
        target=f"{_RULES}:accuracy",
    ),
    Criterion(
        name="expert_agreement",
        title="Agreement with the own experts",
        short="Own-expert agreement",
        summary="Share of each task's images on which the merge and that task's own fine-tuned model name the same "
        "class, mean over tasks.",
        weakness="An expert's mistakes count as truth: where experts are weak it rewards repeating them.",
        unit="fraction",
        needs=frozenset({"head", "own"}),
        data=_UNLABELED,
        target=f"{_RULES}:expert_agreement",
    ),
    Criterion(
        name="expert_kl",
        title="Closeness to the own experts, −KL",
        short="−KL to own expert",
        summary="Minus KL(own expert || merge) of the predicted classes in nats, mean over images, tasks: 0 is best.",
        weakness="It also asks for the expert's confidence: a merge that is right but less sure is marked down, and "
        "experts that are sure of mistakes mislead it.",
        unit="nats",
        needs=frozenset({"head", "own"}),
        data=_UNLABELED,
        target=f"{_RULES}:expert_kl",
    ),
    Criterion(
        name="feature_cosine",
        title="Cosine to the own experts' features",
        short="Cosine to own expert",
        summary="Cosine of the merge's features to those of the task's own fine-tuned model, mean over images and "
        "tasks.",
        weakness="It weighs directions that the head never looks at: on the demo zoo it picks scales that are too "
        "large.",
        unit="cosine",
        needs=frozenset({"own"}),
        data="unlabeled images of each task; no head",
        target=f"{_RULES}:feature_cosine",
    ),
    Criterion(
        name="ensemble_agreement",
        title="Agreement with the Ensemble",
        short="Ensemble agreement",
        summary="Share of images on which the merge and the Ensemble of all fine-tuned models name the same class, "
        "mean over tasks.",
        weakness="The Ensemble can be worse than a good merge; agreeing with it is then no merit.",
        unit="fraction",
        needs=frozenset({"head", "ensemble"}),
        data=f"{_UNLABELED}; every model runs on every image",
        target=f"{_RULES}:ensemble_agreement",
    ),
    Criterion(
        name="entropy",
        title="Confidence, −entropy",
        short="−Entropy",
        summary="Minus the entropy of the predicted classes in nats, mean over images and tasks; 0 is best. What "
        "AdaMerging minimises.",
        weakness="A merge that is surely wrong scores as well as one that is surely right: large scales look good.",
        unit="nats",
        needs=frozenset({"head"}),
        data=_UNLABELED,
        target=f"{_RULES}:confidence",
    ),
)

CRITERIA: Mapping[str, Criterion] = MappingProxyType({criterion.name: criterion for criterion in _ALL})
"""All criteria by name, in the order in which they are shown."""
LABEL_FREE: tuple[str, ...] = tuple(criterion.name for criterion in _ALL if not criterion.labels)
"""Names of those that read no label."""


def get_criterion(name: str) -> Criterion:
    """The criterion of that name.

    Raises:
        UnknownNameError: no such criterion.
    """
    if name not in CRITERIA:
        raise unknown_name("criterion", name, tuple(CRITERIA))
    return CRITERIA[name]
