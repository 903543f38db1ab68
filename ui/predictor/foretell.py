"""What to expect of merging models: a set of the table's, held against a real merge, or pairs of the open zoo."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from mloss_core.mergeability.metrics import METRICS
from mloss_core.mergeability.predictor.columns import title
from mloss_core.mergeability.predictor.fitting import LEVEL, Prediction, Predictor
from mloss_core.mergeability.predictor.offered import table_of
from mloss_core.mergeability.predictor.results import CrossValidation
from mloss_core.mergeability.predictor.tables import PairTable, check_table
from mloss_core.mergeability.predictor.targets import individual_accuracies
from mloss_core.merging.methods import METHODS
from mloss_core.recipe import MLossOptions, Recipe
from mloss_core.wording import listing
from ui import jobs, state
from ui.errors import guard
from ui.formats import plain
from ui.predictor.controls import Unit
from ui.predictor.results import Question, fitted
from ui.predictor.source import PAGE, Source
from ui.zoo.facts import ZooFacts

MODELS = state.key(PAGE, "models")
MOST = 8
_ASKED, _MEASURE = "_pr_merge", "_pr_pairs"


def foretell(zoo: ZooFacts, source: Source, question: Question, result: CrossValidation, unit: Unit) -> None:
    """Draw the tab."""
    predictor = fitted(question, source.table)
    left, right = st.columns(2, gap="medium")
    with left:
        st.markdown("**Models of this table**")
        with guard():
            _set(zoo, source, predictor, result, unit)
    with right:
        st.markdown(f"**Pairs of the open zoo, {plain(zoo.title)}**")
        with guard():
            _open_zoo(zoo, question, predictor, unit)


def _set(zoo: ZooFacts, source: Source, predictor: Predictor, result: CrossValidation, unit: Unit) -> None:
    tasks = source.table.tasks
    state.prune(MODELS, tasks)
    chosen = st.multiselect(
        "Models to merge",
        tasks,
        default=tasks[:2],
        key=MODELS,
        bind=state.BIND,
        max_selections=MOST,
        format_func=plain,
        label_visibility="collapsed",
        placeholder="Models to merge",
    )
    if len(chosen) < 2:
        st.caption("Choose two models or more.")
        return
    found = predictor.predict_set(source.table, chosen)
    st.metric("Predicted", unit.value(found.value), help=_interval_help(len(chosen)))
    st.caption(" ".join([_interval(found, unit), *_flags(found)]))
    st.caption(left_out_words(result, chosen, unit))
    _merge(zoo, source, result, tuple(chosen), found, unit)


def _interval_help(count: int) -> str:
    words = f"{100 * LEVEL:.0f} % of the errors on left-out pairs lie within the interval."
    return words if count == 2 else f"Mean over the pairs of the set. {words}"


def _interval(found: Prediction, unit: Unit) -> str:
    if math.isnan(found.low):
        return "Too few tasks for an interval."
    return f"Interval {unit.value(found.low)} to {unit.value(found.high)}."


def _flags(found: Prediction) -> list[str]:
    flags = []
    if found.outside:
        names = listing([plain(title(name)) for name in found.outside])
        flags.append(f":orange[Outside the training range]: {names}.")
    if found.unseen:
        flags.append(f"Never seen: {listing([plain(name) for name in found.unseen])}.")
    return flags


def left_out_words(result: CrossValidation, chosen: "list[str] | tuple[str, ...]", unit: Unit) -> str:
    """What the fits that had not seen them said of the chosen models' pairs, and what was measured."""
    guesses = result.predictions()
    mine = guesses[guesses["task_a"].isin(chosen) & guesses["task_b"].isin(chosen)]
    if not len(mine):
        return "None of these pairs was measured."
    by_pair = mine.groupby(["task_a", "task_b"])[["predicted", "measured"]].mean()
    means = by_pair.mean()
    pairs = "The pair itself is" if len(by_pair) == 1 else f"Its {len(by_pair)} pairs are"
    return (
        f"{pairs} part of this fit. Fits that left one of its models out say {unit.value(means['predicted'])}; "
        f"measured {unit.value(means['measured'])}."
    )


def _merge(
    zoo: ZooFacts, source: Source, result: CrossValidation, chosen: tuple[str, ...], found: Prediction, unit: Unit
) -> None:
    """A button that merges the chosen models of the open zoo, and how far off the prediction was."""
    target = result.problem.target
    if target.method not in METHODS or target.kind not in ("normalised", "raw", "worst"):
        return
    if source.name != table_of(zoo.name) or not set(chosen) <= set(zoo.tasks):
        st.caption("Open the zoo of these models to merge them here.")
        return
    asked = (source.digest, target.name, chosen)
    st.button(
        "Merge them and measure",
        icon=":material/merge:",
        key="pr_merge",
        on_click=st.session_state.update,
        args=({_ASKED: asked},),
    )
    if st.session_state.get(_ASKED) != asked:
        return
    recipe = Recipe(method=target.method, tasks=chosen)
    params = {"zoo": zoo.name, "recipe": recipe.to_dict(), "split": "test", "tasks": list(chosen)}
    payload = jobs.job_payload("recipe", params, label="Merging and measuring")
    if payload is not None:
        value = measured_value(target.kind, payload.meta["row"]["tasks"], source.table, chosen)
        st.metric("Measured", unit.value(value), delta=_delta(value - found.value, unit), delta_color="off")
        st.caption("On test images, against the prediction.")


def measured_value(kind: str, accuracy: Mapping[str, float], table: PairTable, chosen: tuple[str, ...]) -> float:
    """The target of a merge of any number of models: mean accuracy, or mean or least normalised accuracy."""
    found = np.array([accuracy[task] for task in chosen])
    if kind == "raw":
        return float(found.mean())
    own = individual_accuracies(table) or {}
    shares = found / np.array([own.get(task, math.nan) for task in chosen])
    return float(shares.min() if kind == "worst" else shares.mean())


def _delta(difference: float, unit: Unit) -> str:
    return f"{unit.factor * difference:+.2f}{unit.difference}"


def _open_zoo(zoo: ZooFacts, question: Question, predictor: Predictor, unit: Unit) -> None:
    """Predictions for pairs of models that nobody merged: their metrics are measured by a job."""
    unknown = [name for name in predictor.problem.metrics if name not in METRICS]
    if unknown:
        st.caption(f"The lab cannot measure {plain(unknown[0])}, so only tables can have it.")
        return
    if len(zoo.tasks) < 2:
        st.caption("A pair needs two models; this zoo has one.")
        return
    count = len(zoo.tasks) * (len(zoo.tasks) - 1) // 2
    st.caption(
        f"Measures the {len(predictor.problem.metrics)} metrics of {count} pairs, without merging any, and predicts "
        "them by the fit on this table. A table of other backbones may carry over badly: look at the flags."
    )
    asked = (zoo.digest, question)
    st.button(
        "Predict its pairs",
        icon=":material/query_stats:",
        key="pr_pairs",
        on_click=st.session_state.update,
        args=({_MEASURE: asked},),
    )
    if st.session_state.get(_MEASURE) != asked:
        return
    params: dict[str, Any] = {
        "zoo": zoo.name,
        "tasks": None,
        "mloss": MLossOptions().to_dict(),
        "metrics": list(predictor.problem.metrics),
    }
    payload = jobs.job_payload("pairs", params, label=f"Measuring metrics of {count} pairs")
    if payload is not None:
        found = predictor.predict(check_table(pd.DataFrame(payload.meta["pairs"])))
        st.dataframe(
            prediction_table(found, unit), hide_index=True, height=320, alt="Predictions for pairs of the open zoo"
        )


def prediction_table(found: list[Prediction], unit: Unit) -> pd.DataFrame:
    """Predictions from the best down, with interval and flags."""
    ordered = sorted(found, key=lambda one: -one.value if math.isfinite(one.value) else math.inf)
    return pd.DataFrame(
        {
            "Model": [one.tasks[0] for one in ordered],
            "With": [one.tasks[1] for one in ordered],
            "Predicted": [unit.value(one.value) if math.isfinite(one.value) else "–" for one in ordered],
            "Interval": [
                f"{unit.value(one.low)} to {unit.value(one.high)}" if math.isfinite(one.low) else "–" for one in ordered
            ],
            "Outside training range": [listing([title(name) for name in one.outside]) for one in ordered],
        }
    )
