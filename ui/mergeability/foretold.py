"""Predicted quality of pairs: by a predictor that never saw the pair, or one fitted on the lab's largest zoo."""

import dataclasses
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import streamlit as st

from mloss_core.errors import MLossCoreError
from mloss_core.mergeability.pair_names import QUALITY
from ui.mergeability.choices import Pairs, method_title
from ui.mergeability.matrices import View, matrix

if TYPE_CHECKING:
    from mloss_core.mergeability.predictor import Prediction

_TEACHER = "demo20"
"""The zoo whose measured pairs teach a predictor for zoos without any."""
_FEWEST = 20
"""Measured pairs from which on a zoo teaches its own predictor."""


@dataclasses.dataclass(frozen=True)
class Foretold:
    """Predicted quality as a matrix, and what it comes from.

    Args:
        view: fractions of the individual accuracy; None where there is no prediction.
        words: how the prediction was made, or why there is none.
        predictions: by pair.
    """

    view: View | None
    words: str
    predictions: "dict[frozenset[str], Prediction]"


def predicted_view(pairs: Pairs, tasks: tuple[str, ...], method: str | None) -> Foretold:
    """The predictions for all pairs of the chosen tasks."""
    try:
        values, words, found = _predicted(_content(pairs.numbers), method or "average", pairs)
    except MLossCoreError as error:
        return Foretold(None, str(error).rstrip("."), {})
    frame = pairs.numbers[["task_a", "task_b"]].assign(predicted=values)
    return Foretold(View(tasks, matrix(frame, tasks, "predicted"), True), words, found)


def _content(numbers: pd.DataFrame) -> str:
    """What predictions follow from: all numbers, and what they are called."""
    return f"{list(numbers.columns)} {int(pd.util.hash_pandas_object(numbers, index=False).sum())} {len(numbers)}"


@st.cache_data(max_entries=16, show_spinner=False)
def _predicted(content: str, method: str, _pairs: Pairs) -> "tuple[np.ndarray, str, dict[frozenset[str], Prediction]]":
    """Kept by the pairs' content and the method."""
    from mloss_core.mergeability.predictor import cross_validate, fit_predictor

    target, numbers = f"{QUALITY}{method}", _pairs.numbers
    metrics = [metric.name for metric in _pairs.metrics if metric.facts != "agreement"]
    if target in numbers and int(numbers[target].notna().sum()) >= _FEWEST:
        guesses = cross_validate(numbers, metrics, target).predictions()
        means = guesses.groupby(["task_a", "task_b"])["predicted"].mean().rename("predicted").reset_index()
        values = numbers[["task_a", "task_b"]].merge(means, on=["task_a", "task_b"], how="left")["predicted"]
        words = "the prediction, by folds that left out one of the two tasks, is highest"
        return values.to_numpy(float), words, {}
    teacher = _teacher(target, metrics)
    found = fit_predictor(teacher, metrics, target).predict(numbers[["task_a", "task_b", *metrics]])
    words = f"the prediction is highest; it was learnt on the twenty drawn tasks of the lab ({method_title(method)})"
    beyond = sum(bool(one.outside) for one in found)
    if beyond:
        words += f", and {beyond} of {len(found)} pairs lie outside what it has seen"
    by_pair = {frozenset(one.tasks): one for one in found}
    return np.array([one.value for one in found]), words, by_pair


def _teacher(target: str, metrics: list[str]) -> pd.DataFrame:
    from mloss_core.errors import ZooError
    from mloss_core.mergeability.shipped import shipped_pairs

    found = shipped_pairs(_TEACHER)
    if found is None or target not in found.numbers:
        raise ZooError("no measured pairs to learn from.")
    lacking = [name for name in metrics if name not in found.numbers]
    if lacking:
        raise ZooError(f"the lab's own pairs lack {', '.join(lacking)}.")
    return found.numbers
