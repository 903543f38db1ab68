"""One row of an accuracy table: right and wrong answers by task, and the numbers that follow from them. No torch."""

import dataclasses
import math
import statistics
from collections.abc import Mapping
from typing import Any

import numpy as np

from mloss_core.evaluation.criteria.records import CriterionScore

KINDS = ("zero_shot", "merged", "per_task", "ensemble", "individual")
NUMBERS = ("average", "standard_error", "normalised", "variance", "worst")
BASELINE_NAMES = {
    "zero_shot": "Zero-shot",
    "ensemble_features": "Ensemble (features)",
    "ensemble": "Ensemble",
    "individual": "Individual",
}
"""What every table compares merges with: the row's key, and what people call it, in the order of `evaluate`."""
DONE = "done"
_KEY_LENGTH = 10


def merge_key(digest: str) -> str:
    """The key of a merge's row, as a link carries it: the beginning of its recipe's (or content's) digest."""
    return digest[:_KEY_LENGTH]


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvaluationRow:
    """How often one model is right, by task; or a model whose figures are still to come.

    All accuracies are fractions. `EvaluationRow.measured` computes the numbers; rows of a result file or a model card
    carry those that were recorded.

    Args:
        key: tells rows apart, whatever they are called: a key of `BASELINE_NAMES`, or the `merge_key` of a merge.
        model: what to call it.
        kind: one of `KINDS`.
        recipe: how it was merged, as plain values; None for what was not.
        accuracy: top-1 by task. counts: number of images by task.
        average: unweighted mean over tasks; None as long as there are no figures, as for all other numbers.
        standard_error: sampling error of `average`: sqrt(sum of p (1 - p) / n over tasks) / number of tasks. It says
            how far another draw of test images could move the number, knows nothing of another seed of the training,
            and is larger than that of a difference between rows on the same images (`mloss_core.evaluation.paired`).
        normalised: mean over tasks of accuracy / individual accuracy; None where an individual encoder is never right.
        variance: population variance over tasks, of fractions (times 10 000 for percent squared).
        worst: accuracy on the worst task.
        correct: for each task, whether each image was answered rightly (image,), in the split's order.
        agreement: share of unlabeled images whose top class is the Ensemble's; `kl`: KL(ensemble || model) in nats.
        criteria: what criteria that read no label say of the model, by name.
        kept: fraction of the moving weights that survive; `realised`: the same by tensor.
        seconds: of the merge.
        status: `DONE`, or what a row without figures is waiting for.
        recorded: whether the numbers come from the zoo's model card.

    Example:
        Two tasks, 3 of 4 and 1 of 2 right: average 0.625, variance 0.015625, worst 0.5.
    """

    key: str
    model: str
    kind: str
    recipe: Mapping[str, Any] | None = None
    accuracy: Mapping[str, float] = dataclasses.field(default_factory=dict)
    counts: Mapping[str, int] = dataclasses.field(default_factory=dict)
    average: float | None = None
    standard_error: float | None = None
    normalised: float | None = None
    variance: float | None = None
    worst: float | None = None
    correct: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict, repr=False)
    agreement: float | None = None
    kl: float | None = None
    criteria: Mapping[str, CriterionScore] = dataclasses.field(default_factory=dict, repr=False)
    kept: float | None = None
    realised: Mapping[str, float] = dataclasses.field(default_factory=dict, repr=False)
    seconds: float | None = None
    status: str = DONE
    recorded: bool = False

    @classmethod
    def measured(
        cls, *, correct: Mapping[str, np.ndarray], individual: Mapping[str, float], **facts: Any
    ) -> "EvaluationRow":
        """The row of these answers.

        Args:
            correct: as the field.
            individual: accuracy of each task's own fine-tuned encoder on the same images.
            facts: key, model, kind, and what else is known.
        """
        accuracy = {task: float(np.mean(right)) for task, right in correct.items()}
        counts = {task: len(right) for task, right in correct.items()}
        squares = (p * (1 - p) / counts[task] for task, p in accuracy.items())
        defined = all(individual[task] > 0 for task in accuracy)
        return cls(
            accuracy=accuracy,
            counts=counts,
            average=statistics.fmean(accuracy.values()),
            standard_error=math.sqrt(sum(squares)) / len(accuracy),
            normalised=statistics.fmean(p / individual[task] for task, p in accuracy.items()) if defined else None,
            variance=statistics.pvariance(accuracy.values()),
            worst=min(accuracy.values()),
            correct=correct,
            **facts,
        )

    @classmethod
    def from_entry(
        cls, values: Mapping[str, Any], arrays: Mapping[str, np.ndarray], key: str, **facts: Any
    ) -> "EvaluationRow":
        """The row of `to_entry`.

        Args:
            values, arrays: what `to_entry` gave.
            key: of the row.
            facts: fields that differ from what was stored, such as what the user calls it.
        """
        model, tasks = values["model"], values["tasks"]
        stored = {name: values.get(name) for name in (*NUMBERS, "recipe")}
        nearness = values.get("alignment") or {}
        return cls(
            **{
                "key": key,
                "model": model,
                "kind": values["kind"],
                "accuracy": tasks,
                "counts": values.get("counts") or {},
                "correct": {task: arrays[name] for task in tasks if (name := f"correct/{model}/{task}") in arrays},
                "agreement": nearness.get("agreement"),
                "kl": nearness.get("kl"),
                "criteria": {
                    name: CriterionScore.from_dict(score) for name, score in (values.get("criteria") or {}).items()
                },
                **stored,
                **facts,
            }
        )

    @property
    def done(self) -> bool:
        """Whether the row has figures."""
        return self.average is not None

    @property
    def expert_agreement(self) -> float | None:
        """Share of unlabeled images on which the model and the task's own fine-tuned model agree, mean over tasks."""
        return self.criteria["expert_agreement"].value if "expert_agreement" in self.criteria else None

    @property
    def expert_agreement_error(self) -> float | None:
        """Its standard error."""
        return self.criteria["expert_agreement"].standard_error if "expert_agreement" in self.criteria else None

    def task_error(self, task: str) -> float | None:
        """Standard error of one task's accuracy, from its number of images."""
        if task not in self.accuracy or not self.counts.get(task):
            return None
        share = self.accuracy[task]
        return math.sqrt(share * (1 - share) / self.counts[task])

    def figure(self, name: str) -> float:
        """One of `NUMBERS`, of a row that has it.

        Raises:
            ValueError: a row without figures, or a number that is not defined for it.
        """
        value = getattr(self, name)
        if value is None:
            raise ValueError(f"{self.model} must have a figure for {name}; it is {self.status}.")
        return float(value)

    def numbers(self) -> dict[str, float | None]:
        """average, standard_error, normalised, variance, worst."""
        return {name: getattr(self, name) for name in NUMBERS}

    def to_dict(self) -> dict[str, Any]:
        """Plain values without the single answers, ready for JSON (an undefined number is None)."""
        recipe = None if self.recipe is None else dict(self.recipe)
        return {
            "key": self.key,
            "model": self.model,
            "kind": self.kind,
            "recipe": recipe,
            "tasks": dict(self.accuracy),
            **self.numbers(),
            **self._judged(),
        }

    def _judged(self) -> dict[str, Any]:
        """What criteria say, where something is known."""
        if not self.criteria:
            return {}
        return {
            "expert_agreement": self.expert_agreement,
            "expert_agreement_standard_error": self.expert_agreement_error,
            "criteria": {name: score.to_dict() for name, score in self.criteria.items()},
        }

    def to_entry(self) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Plain values and arrays, as a result store keeps them."""
        arrays = {f"correct/{self.model}/{task}": np.asarray(right, bool) for task, right in self.correct.items()}
        return {**self.to_dict(), "counts": dict(self.counts)}, arrays
