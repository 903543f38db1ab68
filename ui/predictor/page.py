"""The Predictor page, put together: the choices on the left, the answer and its charts on the right."""

import streamlit as st

from mloss_core.mergeability.predictor.results import CrossValidation
from mloss_core.wording import upper_first
from ui.errors import guard
from ui.formats import plain
from ui.predictor.controls import question_form, unit_of
from ui.predictor.figures import folds_alt, folds_figure, measured_figure
from ui.predictor.results import Question, validated
from ui.predictor.source import Source, table_choice, upload
from ui.predictor.tabs import details
from ui.predictor.words import answer, cautions, number
from ui.theme import show
from ui.zoo.facts import ZooFacts


def predictor(zoo: ZooFacts) -> None:
    """Draw the page below its title."""
    left, right = st.columns([0.24, 0.76], gap="medium")
    source, question = None, None
    with left:
        with guard():
            source = table_choice(zoo)
            question = None if source is None else question_form(source)
        upload()
    with right, guard():
        if source is None or question is None:
            st.info(
                "Upload a table of pairs on the left: task_a, task_b, metrics, and accuracies of merged pairs. The "
                "command `python -m mloss_core pairs` makes one of a zoo.",
                icon=":material/table:",
            )
            return
        _answer(zoo, source, question)


def _answer(zoo: ZooFacts, source: Source, question: Question) -> None:
    if isinstance(question.metrics, tuple) and not question.metrics:
        st.info("Choose at least one metric.", icon=":material/info:")
        return
    with st.spinner("Fitting, fold by fold", show_time=True):
        result = validated(question, source.table)
    unit = unit_of(result.problem.target.kind, float(abs(result.problem.target.values).max()))
    st.markdown(answer(result, unit))
    first, second = st.columns([0.47, 0.53], gap="medium")
    with first:
        show(
            measured_figure(result, unit),
            key="pr_measured",
            alt=f"Predicted against measured, {len(result.problem.target.values)} pairs, pooled r "
            f"{number(result.scores.pooled)}.",
        )
    with second:
        show(folds_figure(result), key="pr_folds", alt=folds_alt(result))
    details(zoo, source, question, result, unit)
    _notes(source, result)


def _notes(source: Source, result: CrossValidation) -> None:
    notes = cautions(result, source.reference)
    with st.expander("How to read these figures", icon=":material/info:"):
        st.markdown("\n".join(f"- {note}" for note in notes))
        rows = f"{len(result.problem.target.values)} pairs of {len(result.problem.rows.tasks)} tasks are used."
        st.caption(" ".join([rows, *(plain(upper_first(note)) for note in result.notes)]))
