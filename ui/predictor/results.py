"""What the Predictor page computes, kept in memory: scikit-learn is imported when the first fit is asked for."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import streamlit as st

from mloss_core.mergeability.predictor.tables import PairTable, parse_table

if TYPE_CHECKING:
    import pandas as pd

    from mloss_core.mergeability.predictor.ablation import Ablation
    from mloss_core.mergeability.predictor.adding import AddedValue
    from mloss_core.mergeability.predictor.fitting import Predictor
    from mloss_core.mergeability.predictor.metrics_alone import SingleMetric
    from mloss_core.mergeability.predictor.results import ChosenSet, CrossValidation

SPLITS, SEED = 20, 0
"""Random splits of disjoint halves, and the seed of everything that has one."""
PERMUTATIONS, RENAMINGS = 2000, 99
"""Renamings of tasks for metrics alone, and for what metrics add, where each is a whole cross-validation."""


@dataclasses.dataclass(frozen=True)
class Question:
    """What is asked of a table; everything on the page follows from it.

    Args:
        table: digest of the file.
        target: a column, or derived from one.
        metrics: names, or the name of a set.
        protocol, solver: keys of the registries.
        alpha: penalty, `nested`, or None where the solver has none.
    """

    table: str
    target: str
    metrics: "str | tuple[str, ...]"
    protocol: str
    solver: str
    alpha: "float | str | None"


@st.cache_resource(show_spinner=False, max_entries=16)
def parsed(digest: str, _content: bytes, what: str) -> PairTable:
    """The table of a file's bytes.

    Raises:
        InvalidOptionError: it is none.
    """
    return parse_table(_content, what)


@st.cache_data(show_spinner=False, max_entries=16)
def content_of(path: str, changed: int) -> bytes:
    """The bytes of a table on disk; `changed` is the time of its last change."""
    return Path(path).read_bytes()


@st.cache_resource(show_spinner=False, max_entries=64)
def validated(question: Question, _table: PairTable) -> "CrossValidation":
    """The cross-validation of a question.

    Raises:
        MLossCoreError: the table does not allow it.
    """
    from mloss_core.mergeability.predictor.validation import cross_validate

    return cross_validate(
        _table,
        list(question.metrics) if isinstance(question.metrics, tuple) else question.metrics,
        question.target,
        question.protocol,
        question.solver,
        alpha=question.alpha,
        seed=SEED,
        splits=SPLITS,
    )


@st.cache_resource(show_spinner=False, max_entries=64)
def ablated(question: Question, _result: "CrossValidation") -> "list[Ablation]":
    """The fit without each category."""
    from mloss_core.mergeability.predictor.ablation import ablations

    return ablations(_result, SEED, SPLITS)


@st.cache_resource(show_spinner=False, max_entries=64)
def alone(question: Question, _result: "CrossValidation") -> "list[SingleMetric]":
    """Every metric alone."""
    from mloss_core.mergeability.predictor.metrics_alone import single_metrics

    return single_metrics(_result.problem, PERMUTATIONS, SEED)


@st.cache_resource(show_spinner=False, max_entries=64)
def chosen_set(question: Question, size: int, _result: "CrossValidation") -> "ChosenSet":
    """The best set of a size."""
    return _result.best_set(size)


@st.cache_resource(show_spinner=False, max_entries=64)
def added(question: Question, metrics: tuple[str, ...], _result: "CrossValidation") -> "AddedValue":
    """What some of the metrics add to all the others."""
    from mloss_core.mergeability.predictor.adding import added_value

    return added_value(
        _result.problem,
        metrics,
        question.protocol,
        question.solver,
        alpha=question.alpha,
        permutations=RENAMINGS,
        seed=SEED,
        splits=SPLITS,
    )


@st.cache_data(show_spinner=False, max_entries=32)
def steadiness(question: Question, _result: "CrossValidation") -> "pd.DataFrame":
    """The headline with fewer tasks, drawn with several seeds."""
    from mloss_core.mergeability.predictor.sample_sizes import stability

    return stability(_result.problem, question.protocol, question.solver, alpha=question.alpha)


@st.cache_resource(show_spinner=False, max_entries=32)
def fitted(question: Question, _table: PairTable) -> "Predictor":
    """The fit on all pairs."""
    from mloss_core.mergeability.predictor.fitting import fit_predictor

    return fit_predictor(
        _table,
        list(question.metrics) if isinstance(question.metrics, tuple) else question.metrics,
        question.target,
        question.solver,
        alpha=question.alpha,
        seed=SEED,
    )
