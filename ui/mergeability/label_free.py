"""How a pair's average does without labels: its agreement with the two experts, known already or measured on demand."""

import math
from collections.abc import Mapping
from typing import Any

import streamlit as st

from mloss_core.mergeability.pair_names import AGREEMENT, AGREEMENT_IMAGES
from mloss_core.recipe import MLossOptions
from ui import jobs
from ui.formats import percent, plain
from ui.mergeability.choices import Pairs
from ui.zoo.facts import ZooFacts
from ui.zoo.needs import accuracy_needs, own_models

_ASKED = "_mb_agreement"


def agreement_request(zoo: ZooFacts, pair: tuple[str, str]) -> dict[str, Any]:
    """The request for the agreement of one averaged pair; all metrics of all pairs reuse what it measures."""
    tasks = [task for task in zoo.tasks if task in pair]
    return {"zoo": zoo.name, "tasks": tasks, "mloss": MLossOptions().to_dict(), "metrics": [AGREEMENT]}


def agreement_words(zoo: ZooFacts, pairs: Pairs, pair: tuple[str, str]) -> str:
    """The measured agreement in a sentence with its error, or why there is none; empty where nothing is known.

    Draws the button that has it measured where it can be, and the progress in its place.
    """
    value = pairs.value(AGREEMENT, pair)
    if value is not None:
        return _sentence(zoo, pair, value)
    reason = pairs.reasons(AGREEMENT).get(frozenset(pair))
    if reason is not None:
        return f"Without labels: none, {plain(reason)}."
    answer = _answer(zoo, pair)
    if answer is None:
        return ""
    value = answer["pairs"][0].get(AGREEMENT)
    reasons = [item["reason"] for item in answer.get("undefined", ())]
    return _sentence(zoo, pair, value) if value is not None else f"Without labels: none, {plain(reasons[0])}."


def agreement_error(value: float, images: int) -> float:
    """Standard error of a mean of two agreements on so many images each, at most: sqrt(p (1 - p) / (2 n))."""
    return math.sqrt(value * (1 - value) / (2 * images)) if images else math.nan


def _sentence(zoo: ZooFacts, pair: tuple[str, str], value: float) -> str:
    images = min(AGREEMENT_IMAGES, *(_training_images(zoo, task) for task in pair))
    return (
        f"Without labels: the average agrees with its two experts on **{percent(value, agreement_error(value, images))}"
        f"** of images ({images} of each task)."
    )


def _answer(zoo: ZooFacts, pair: tuple[str, str]) -> Mapping[str, Any] | None:
    if accuracy_needs(zoo, pair) or not all(_training_images(zoo, task) for task in pair):
        return None
    params, asked = agreement_request(zoo, pair), (zoo.digest, frozenset(pair))
    payload = jobs.known("pairs", params)
    if payload is None and st.session_state.get(_ASKED) == asked:
        payload = jobs.job_payload("pairs", params, label=f"Averaging {' and '.join(pair)}")
    elif payload is None:
        st.button(
            "Measure without labels",
            key="mb_agreement",
            icon=":material/handshake:",
            on_click=st.session_state.update,
            args=({_ASKED: asked},),
            help=f"Averages the two models and asks on how many of {AGREEMENT_IMAGES} unlabeled training images of "
            "either task the average answers as that task's own model does.",
        )
    return None if payload is None else payload.meta


def _training_images(zoo: ZooFacts, task: str) -> int:
    """How many there are to draw from; enough where the zoo came with the package."""
    known = {model["name"]: (model["images"] or {}).get("train", 0) for model in own_models(zoo)}
    return int(known.get(task, AGREEMENT_IMAGES))
