"""What the Overview shows, read from the zoo's model card: figures measured once, on test images, when it was made."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mloss_core.evaluation.cards import complete_card
from mloss_core.evaluation.controls import card_controls
from mloss_core.merging.labels import describe
from mloss_core.recipe import Recipe
from ui.formats import points
from ui.overview.dumbbell import Answerer
from ui.overview.samples import Sampled
from ui.zoo.facts import ZooFacts

SPLIT = "test"
_NAMES = {
    "zero_shot": ("Zero-shot", "zero_shot"),
    "ensemble_logits": ("Ensemble", "ensemble"),
    "individual": ("Individual", "individual"),
}


@dataclass(frozen=True)
class ModelFacts:
    """One fine-tuned encoder.

    Args:
        task: what it was fine-tuned on, its name; `title` and `description` say it for people.
        digest: SHA-256 of its file; `bytes` the file's size.
        classes: names of the task's classes.
        images: number of test images.
        zero_shot: test accuracy of the pretrained encoder, with its standard error.
        individual: test accuracy of this encoder, with its standard error.
    """

    task: str
    title: str
    description: str
    digest: str
    bytes: int
    classes: tuple[str, ...]
    images: int
    zero_shot: float
    zero_shot_error: float
    individual: float
    individual_error: float


def models_of(zoo: ZooFacts) -> list[ModelFacts]:
    """The zoo's models in its order.

    Raises:
        ZooError: the model card lacks their figures.
    """
    with complete_card():
        return _models(zoo)


def sampled_of(models: Sequence[ModelFacts]) -> list[Sampled]:
    """What the strips of images show of these models."""
    return [
        Sampled(model.task, model.title, len(model.classes), SPLIT, model.images, model.description, spread=False)
        for model in models
    ]


def answerers_of(zoo: ZooFacts) -> list[Answerer]:
    """Rows of the card from the untouched encoder over the merges and the Ensemble to the specialists.

    Raises:
        ZooError: the model card lacks their figures.
    """
    with complete_card():
        return _answerers(zoo)


def _models(zoo: ZooFacts) -> list[ModelFacts]:
    accuracy, counts = zoo.card["accuracy"][SPLIT], zoo.card["counts"][SPLIT]
    found = []
    for task in zoo.tasks:
        facts, file, images = zoo.card["tasks"][task], zoo.card["files"][f"{task}.safetensors"], counts[task]
        zero_shot, individual = accuracy["zero_shot"][task], accuracy["individual"][task]
        found.append(
            ModelFacts(
                task=task,
                title=facts.get("title", task),
                description=facts.get("description", ""),
                digest=file["sha256"],
                bytes=file["bytes"],
                classes=tuple(facts["classes"]),
                images=images,
                zero_shot=zero_shot,
                zero_shot_error=standard_error(zero_shot, images),
                individual=individual,
                individual_error=standard_error(individual, images),
            )
        )
    return found


def _answerers(zoo: ZooFacts) -> list[Answerer]:
    merges = sorted(zoo.card["chosen"], key=lambda name: zoo.card["average"][SPLIT][name]["average"])
    rows = [("zero_shot", *_NAMES["zero_shot"])]
    rows += [(name, describe(Recipe.from_dict(zoo.card["chosen"][name])), "merged") for name in merges]
    rows += [(name, *_NAMES[name]) for name in ("ensemble_logits", "individual")]
    return [_answerer(zoo, *row) for row in rows]


def standard_error(fraction: float, images: int) -> float:
    """Standard error of an accuracy measured on so many images: sqrt(p (1 - p) / n)."""
    return math.sqrt(fraction * (1 - fraction) / images) if images else math.nan


def control_sentence(card: Mapping[str, Any]) -> str:
    """What the card's control says about M-Loss ranks: M-TIES against the same budget spent without them.

    Two standard errors are asked for before a difference is called one.
    """
    rates = {control.name: control.keep_rate for control in card_controls() if control.budget_alone}
    found = [
        (f"{rates[control['name']]:g}", control)
        for control in card.get("controls", {}).get(SPLIT, ())
        if control["name"] in rates
    ]
    if not found:
        return ""
    parts = [
        f"{points(control['m_ties_minus_this'])} (± {100 * control['paired_standard_error']:.1f}) at k {keep}"
        for keep, control in found
    ]
    clear = [c for _, c in found if abs(c["m_ties_minus_this"]) > 2 * c["paired_standard_error"]]
    verdict = (
        "the M-Loss ranking makes no measurable difference here"
        if not clear
        else "the M-Loss ranking helps here"
        if all(control["m_ties_minus_this"] > 0 for control in clear)
        else "the M-Loss ranking does not help here"
    )
    return f"Control: pruning by M-Loss (M-TIES) against the same budget without it: {' and '.join(parts)}; {verdict}."


def _answerer(zoo: ZooFacts, name: str, label: str, kind: str) -> Answerer:
    accuracy, counts = zoo.card["accuracy"][SPLIT][name], zoo.card["counts"][SPLIT]
    average = zoo.card["average"][SPLIT][name]
    return Answerer(
        label,
        kind,
        accuracy,
        {task: standard_error(value, counts[task]) for task, value in accuracy.items()},
        average["average"],
        average["standard_error"],
    )
