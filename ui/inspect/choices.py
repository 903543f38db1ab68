"""The choices on top of the page: which two models, on which images."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import streamlit as st

from mloss_core.evaluation.rows import BASELINE_NAMES
from mloss_core.lab.requests import limited
from mloss_core.wording import SPLITS
from ui.formats import plain, split_label
from ui.inspect import state
from ui.merge import state as merge_state
from ui.merge.entries import Entry, entries_from_text, entries_to_text, row_key, row_labels
from ui.merge.results import starting_entries
from ui.state import put
from ui.zoo.facts import ZooFacts
from ui.zoo.needs import own_models

BASELINES = {
    "ensemble": "Ensemble",
    "individual": "Individual (expert)",
    "zero_shot": "Zero-shot",
    "ensemble_features": "Ensemble (features)",
}
_WIDTHS = {False: [1.9, 0.35, 1.7, 1.2, 1.6], True: [1.6, 0.35, 1.5, 1.1, 1.5, 1.0]}
"""Of the selectors, for an embedded zoo and for a folder of checkpoints."""
_LINKED = "_in_linked"


@dataclasses.dataclass(frozen=True)
class Model:
    """A model that can be chosen.

    Args:
        key: what the selector calls it: a baseline's name, or the short digest of a recipe.
        label: for people; short, for charts.
        spec: what requests call it: the baseline's name, or the recipe as plain values.
        text: what a link calls it.
    """

    key: str
    label: str
    spec: str | Mapping[str, Any]
    text: str


@dataclasses.dataclass(frozen=True)
class Choice:
    """Two models on the images of one task; `limit` images at most."""

    a: Model
    b: Model
    task: str
    split: str
    limit: int | None

    def images(self, zoo: ZooFacts) -> dict[str, Any]:
        """The part of requests that says which images."""
        return {"zoo": zoo.name, "task": self.task, "split": self.split} | limited(self.limit)

    def request(self, zoo: ZooFacts) -> dict[str, Any]:
        """The parameters of `inspect`."""
        return {**self.images(zoo), "a": self.a.spec, "b": self.b.spec}

    def beside(self, *others: str) -> list[Any]:
        """Both models and these baselines, each once."""
        return [*dict.fromkeys(others), *(one.spec for one in (self.a, self.b) if one.spec not in others)]

    def label(self, key: str, model: str) -> str:
        """What the page calls the model of this key, whose own name is `model`."""
        return next((one.label for one in (self.a, self.b) if one.key == key), model)


def choose(zoo: ZooFacts) -> Choice:
    """Draw the selectors."""
    offered = models(zoo)
    places = st.columns(_WIDTHS[zoo.own], gap="small", vertical_alignment="bottom")
    with places[0]:
        first = next(reversed([key for key in offered if key not in BASELINES]), "individual")
        a = _model("A", state.A, offered, first, zoo)
    with places[1]:
        st.button("", icon=":material/swap_horiz:", key="in_swap", on_click=_swap, help="A becomes B and B becomes A.")
    with places[2]:
        other = "ensemble" if a.key != "ensemble" else "individual"
        b = _model("B", state.B, offered, other, zoo)
    with places[3]:
        task = _task(zoo)
    # What every first visit shows needs no link, and the browser no second step back to where one came from.
    usual = (a.key, b.key, task) == (_first(zoo), other, zoo.tasks[0])
    for name, text in ((state.A, a.text), (state.B, b.text), (state.TASK, task)):
        state.keep(name, text, linked=not usual)
    with places[4]:
        split = _split(zoo, task)
    limit = None
    if zoo.own:
        with places[5]:
            limit = _limit()
    return Choice(a, b, task, split, limit)


def _first(zoo: ZooFacts) -> str:
    """Model A of a first visit."""
    return next((row_key(entry.recipe) for entry in reversed(starting_entries(zoo.card))), "individual")


def models(zoo: ZooFacts) -> dict[str, Model]:
    """What can be chosen: the merges of the comparison and of the link, then the baselines."""
    entries = [*merge_state.entries(zoo), *st.session_state.get(_LINKED, {}).values()]
    distinct = list({row_key(entry.recipe): entry for entry in reversed(entries)}.values())[::-1]
    labels = row_labels(distinct)
    found = {row_key(entry.recipe): _merge(entry, labels[entry.key]) for entry in distinct}
    return found | {key: Model(key, BASELINE_NAMES[key], key, key) for key in BASELINES}


def model_text(entry: Entry) -> str:
    """What a link calls a merge."""
    return entries_to_text([entry])


def _merge(entry: Entry, label: str) -> Model:
    return Model(row_key(entry.recipe), label, entry.recipe.to_dict(), model_text(entry))


def _model(letter: str, name: str, offered: dict[str, Model], default: str, zoo: ZooFacts) -> Model:
    def read(text: str) -> str | None:
        if text in BASELINES:
            return text
        entries, _ = entries_from_text(text, zoo.tasks, zoo.layers)
        for entry in entries[:1]:
            key = row_key(entry.recipe)
            if key not in offered:
                st.session_state.setdefault(_LINKED, {})[key] = entry
                offered[key] = _merge(entry, entry.label)
            return key
        return None

    if state.recall(name, read, default) not in offered:
        put(name, default)
    key = st.selectbox(
        letter,
        [*(key for key in offered if key not in BASELINES), *BASELINES],
        key=name,
        format_func=lambda key: BASELINES.get(key) or offered[key].label,
        help="Merges of the comparison on the Merge page, and what they are measured against.",
    )
    return offered.get(key) or offered[default]


def _task(zoo: ZooFacts) -> str:
    state.recall(state.TASK, lambda text: text if text in zoo.tasks else None, zoo.tasks[0])
    if st.session_state[state.TASK] not in zoo.tasks:
        put(state.TASK, zoo.tasks[0])
    return st.selectbox("Task", zoo.tasks, key=state.TASK, on_change=state.forget, args=((state.CELL, state.MARKED),))


def splits_of(zoo: ZooFacts, task: str) -> tuple[str, ...]:
    """The splits of a task that can be inspected: those for evaluation, or the training split of unlabelled images."""
    if not zoo.own:
        return ("test", "val")
    sizes = next((model["images"] for model in own_models(zoo) if model["name"] == task), None) or {}
    return tuple(split for split in ("test", "val") if sizes.get(split)) or ("train",)


def _split(zoo: ZooFacts, task: str) -> str:
    offered = splits_of(zoo, task)
    if state.recall(state.SPLIT, lambda text: text if text in SPLITS else None, offered[0]) not in offered:
        put(state.SPLIT, offered[0])
    split = st.segmented_control(
        "Images",
        offered,
        required=True,
        key=state.SPLIT,
        format_func=split_label,
        help="Whoever changes a recipe because of single images should look at validation images: numbers on test "
        "images would flatter the choice.",
    )
    split = split if split in offered else offered[0]
    state.keep(state.SPLIT, None if split == offered[0] else split)
    return split


def _limit() -> int | None:
    words, usual = merge_state.LIMITS, "500"
    state.recall(state.LIMIT, lambda text: text if text in words else None, usual)
    word = st.selectbox(
        "At most",
        list(words),
        key=state.LIMIT,
        format_func=lambda word: "All images" if word == "All" else f"{word} images",
        help="Drawn at random once. Large encoders take long on a processor without a GPU.",
    )
    state.keep(state.LIMIT, None if word == usual else word)
    return words.get(word, words[usual])


def _swap() -> None:
    a, b = (st.session_state.get(name) for name in (state.A, state.B))
    put(state.A, b)
    put(state.B, a)


def sides(choice: Choice) -> str:
    """Which letter is which model, as one line of Markdown."""
    return f"**A** {plain(choice.a.label)} · **B** {plain(choice.b.label)}"
