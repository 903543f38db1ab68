"""What recipes are judged by on this page, and on which images: as far as the zoo's heads, images and labels go."""

import dataclasses

import streamlit as st

from mloss_core.evaluation.criteria.records import CRITERIA, Criterion
from mloss_core.wording import listing, lower_first
from ui import state
from ui.formats import plain, split_label
from ui.what_if import state as here
from ui.zoo.facts import ZooFacts
from ui.zoo.needs import common_splits, headless_tasks, image_needs, unlabelled_tasks

EVALUATED, UNLABELLED = ("val", "test"), ("val", "train")
"""Splits that accuracies are measured on, and those that criteria without labels look at; the usual one first."""
_NAMED = 3
"""Tasks that a sentence names before it only counts them."""


@dataclasses.dataclass(frozen=True)
class Judging:
    """What the live recipe is judged by.

    Args:
        criterion: the record.
        split: where the images come from.
    """

    criterion: Criterion
    split: str


def judging_needs(zoo: ZooFacts) -> str:
    """Why no recipe can be judged at all, in one sentence; empty where one can."""
    sentence = image_needs(zoo, "What-if judges merges on")
    if sentence or criteria_of(zoo):
        return sentence
    return (
        "What-if judges merges on images of every task from one split, validation or training, and no split has images "
        "of all tasks."
    )


def criteria_of(zoo: ZooFacts) -> tuple[str, ...]:
    """Names of the criteria for which the zoo has all: labels, heads and images of every task."""
    headless = bool(headless_tasks(zoo))
    return tuple(
        name
        for name, one in CRITERIA.items()
        if not (headless and "head" in one.needs) and view_splits(zoo, name)[:1] != ()
    )


def view_splits(zoo: ZooFacts, name: str) -> tuple[str, ...]:
    """Where surfaces and the like may take a criterion's images from, the usual split first: never test images."""
    if CRITERIA[name].labels:
        return common_splits(zoo, EVALUATED[:1], labelled=True)
    return common_splits(zoo, UNLABELLED, labelled=False)


def known_criterion(zoo: ZooFacts, name: object) -> str:
    """The criterion of that name if it can be used, else the first that can."""
    names = criteria_of(zoo)
    return str(name) if name in names else names[0]


def criterion_choice(zoo: ZooFacts, label: str, key: str, help: str) -> Criterion:
    """Draw the choice of a criterion among those for which the zoo has all."""
    names = criteria_of(zoo)
    name = st.selectbox(
        label,
        names,
        key=key,
        bind=state.BIND,
        format_func=lambda name: CRITERIA[name].title if name in CRITERIA else str(name),
        help=f"{help} {_needs(names)}",
    )
    return CRITERIA[name if name in names else names[0]]


def judging_choice(zoo: ZooFacts) -> Judging:
    """Draw what the live recipe is judged by, and on which images."""
    criterion = criterion_choice(zoo, "Judged by", here.JUDGE, "What the live bars show.")
    splits = common_splits(zoo, EVALUATED, labelled=True) if criterion.labels else view_splits(zoo, criterion.name)
    return Judging(criterion, splits[0] if len(splits) == 1 else _split(splits, criterion.labels))


def judging_words(zoo: ZooFacts, judging: Judging) -> str:
    """What the zoo lacks for accuracies and what stands in for them; empty where accuracies are shown."""
    criterion, hidden = judging.criterion, unlabelled_tasks(zoo)
    if criterion.labels:
        return ""
    lacks = ""
    if hidden:
        lacks = f"Images of {_named(zoo, hidden)} have no labels. "
    elif headless_tasks(zoo):
        lacks = "Without a zero-shot head of every task no class can be named. "
    return f"{lacks}Judged by {lower_first(criterion.title)}; no label is read. {criterion.weakness}"


def _named(zoo: ZooFacts, tasks: tuple[str, ...]) -> str:
    if len(tasks) == len(zoo.tasks):
        return "all tasks"
    return listing([plain(task) for task in tasks]) if len(tasks) <= _NAMED else f"{len(tasks)} tasks"


def _needs(names: tuple[str, ...]) -> str:
    return " ".join(f"{CRITERIA[name].title} needs {CRITERIA[name].data}." for name in names)


def _split(splits: tuple[str, ...], labels: bool) -> str:
    split = st.segmented_control(
        "Images",
        splits,
        default=splits[0],
        required=True,
        key=here.SPLIT if labels else here.SOURCE,
        bind=state.BIND,
        format_func=split_label,
        help="Moving sliders is choosing: do it on validation images, and look at test images once, at the end. "
        "Surfaces, paths and planes always take validation images."
        if labels
        else "Labels of neither are read. Training images are those that the models were fine-tuned on.",
    )
    return split if split in splits else splits[0]
