"""Can one choose without labels? What was measured on the embedded zoos, in a dialog; and what to say of one's own."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from mloss_core.evaluation.criteria.measured import ZOOS, image_counts, measured, summary_of
from mloss_core.evaluation.criteria.records import CRITERIA, LABEL_FREE, Criterion
from mloss_core.wording import listing, lower_first
from ui import theme
from ui.formats import percent, plain

QUESTION = "Can one choose without labels?"
_SOURCES = {"train": "Training images", "val": "Validation images"}
_AS_MANY = "Accuracy, as many labels"
"""What accuracy on as many labelled validation images is called: the control."""
_OPEN = "_mg_label_free"
_LIMIT = 3
"""Tasks that a sentence names before it only counts them."""


def study_button() -> None:
    """A quiet button that opens the study."""
    st.button(
        QUESTION,
        key="mg_label_free",
        icon=":material/help:",
        type="tertiary",
        on_click=st.session_state.update,
        args=({_OPEN: True},),
    )
    if st.session_state.get(_OPEN):
        _study_dialog()
        st.session_state[_OPEN] = False


def unlabelled_sentence(tasks: Sequence[str]) -> str:
    """What the comparison does when some images have no labels."""
    named = listing([plain(task) for task in tasks]) if len(tasks) <= _LIMIT else f"{len(tasks)} tasks"
    return (
        f"The images of {named} have no labels, so nothing can be right or wrong on them. Merges are ranked by their "
        f"agreement with each task's own fine-tuned model. {CRITERIA['expert_agreement'].weakness}"
    )


@st.dialog(QUESTION, width="large", icon=":material/help:")
def _study_dialog() -> None:
    study()


def study() -> None:
    """The study: a chart of recipes, a table of criteria, and how many images it takes."""
    zoos = measured()
    left, middle, right = st.columns([0.4, 0.35, 0.25])
    zoo = left.selectbox("Measured on", list(zoos), key="lf_zoo", format_func=lambda name: ZOOS[name].capitalize())
    name = middle.selectbox("Criterion", LABEL_FREE, key="lf_criterion", format_func=lambda name: CRITERIA[name].title)
    source = right.selectbox("Images", list(_SOURCES), key="lf_source", format_func=lambda name: _SOURCES[name])
    record, criterion = zoos[zoo], CRITERIA[name]
    st.markdown(answer(record, source))
    theme.show(scatter(record, criterion, source), key="lf_scatter", alt=scatter_sentence(record, criterion, source))
    theme.show(
        by_images(record, source),
        key="lf_images",
        alt="Points lost by trusting each criterion, by number of unlabeled images per task.",
    )
    st.dataframe(
        table(record, source), hide_index=True, column_config=_columns(), alt="Each criterion against accuracy."
    )
    st.caption(
        f"{criterion.title}: {criterion.weakness} Measured once, with `python -m docs.measure_label_free`; the whole "
        "study is in docs/label_free.md."
    )


def answer(record: Mapping[str, Any], source: str) -> str:
    """The study's answer for one zoo, from its figures."""
    most = image_counts(record)[-1]
    found = summary_of(record, source, most)
    own, ensemble = found["expert_agreement"], found["ensemble_agreement"]
    return (
        f"Of {len(record['recipes'])} recipes, the one that agrees most with the tasks' own models is "
        f"**{100 * own['lost']:.1f} points** below the best; the one that agrees most with the Ensemble "
        f"**{100 * ensemble['lost']:.1f}**. Experts are right on {percent(record['individual'])} of their tasks' "
        f"validation images, the Ensemble on {percent(record['ensemble'])}. {most} unlabeled images a task, mean of "
        f"{record['draws']} draws."
    )


def scatter(record: Mapping[str, Any], criterion: Criterion, source: str) -> go.Figure:
    """Validation accuracy of every recipe by a criterion's value; the criterion's choice and the best stand out."""
    recipes, factor = record["recipes"], 100 if criterion.unit == "fraction" else 1
    x = [factor * recipe["values"][source][criterion.name] for recipe in recipes]
    y = [100 * recipe["accuracy"] for recipe in recipes]
    suffix = {"fraction": ", %", "nats": ", nats"}.get(criterion.unit, "")
    fig = theme.figure(
        f"Each dot is a recipe: {trust_words(record, criterion, source)}",
        x=f"{criterion.title}{suffix}",
        y="Validation accuracy, %",
        height=330,
    )
    fig.add_scatter(
        x=x,
        y=y,
        mode="markers",
        name="recipes",
        text=[recipe["name"] for recipe in recipes],
        marker={"color": theme.ACCENT, "size": 8, "opacity": 0.75},
        hovertemplate="%{text}<br>accuracy %{y:.1f} %, criterion %{x:.3g}<extra></extra>",
    )
    for label, place, symbol, colour in (
        ("its choice", x.index(max(x)), "diamond-open", theme.CATEGORY[1]),
        ("best recipe", y.index(max(y)), "circle-open", theme.INK),
    ):
        fig.add_scatter(
            x=[x[place]],
            y=[y[place]],
            mode="markers",
            name=f"{label}: {recipes[place]['name']}",
            hoverinfo="skip",
            marker={"symbol": symbol, "size": 15, "color": colour, "line": {"width": 2, "color": colour}},
        )
    return fig


def trust_words(record: Mapping[str, Any], criterion: Criterion, source: str) -> str:
    """The rank correlation with its interval, and what trusting the criterion costs."""
    found = summary_of(record, source, image_counts(record)[-1])[criterion.name]
    return (
        f"Spearman {found['spearman']:.2f} ({found['low']:.2f} to {found['high']:.2f}), "
        f"{100 * found['lost']:.1f} points lost"
    ).replace("-", "−")


def scatter_sentence(record: Mapping[str, Any], criterion: Criterion, source: str) -> str:
    """The scatter's message in words."""
    return f"Validation accuracy against {lower_first(criterion.title)}: {trust_words(record, criterion, source)}."


def by_images(record: Mapping[str, Any], source: str) -> go.Figure:
    """Points lost by trusting each criterion, by number of images; whiskers reach to the worst draw."""
    counts = image_counts(record)
    fig = theme.figure(
        "Points lost by trusting it, by unlabeled images per task", x="Images per task", y="Points lost", height=260
    )
    for name in summary_of(record, source, counts[-1]):
        found = [summary_of(record, source, count)[name] for count in counts]
        colour = theme.MUTED if CRITERIA[name].labels else theme.CATEGORY[LABEL_FREE.index(name)]
        fig.add_scatter(
            x=[str(count) for count in counts],
            y=[100 * one["lost"] for one in found],
            mode="lines+markers",
            name=_short(name),
            line={"color": colour, "width": 1.5, "dash": "dot" if CRITERIA[name].labels else "solid"},
            marker={"color": colour, "size": 6},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": [100 * (one["lost_worst"] - one["lost"]) for one in found],
                "arrayminus": [0] * len(found),
                "thickness": 1,
                "width": 3,
                "color": colour,
            },
            customdata=[100 * one["lost_worst"] for one in found],
            hovertemplate=f"{_short(name)}, %{{x}} images: %{{y:.1f}} points lost, worst draw "
            "%{customdata:.1f}<extra></extra>",
        )
    fig.update_xaxes(type="category")
    fig.update_yaxes(rangemode="tozero")
    return fig


def table(record: Mapping[str, Any], source: str) -> pd.DataFrame:
    """One row a criterion, at the largest number of images; points are percentage points."""
    found = summary_of(record, source, image_counts(record)[-1])
    return pd.DataFrame(
        [
            {
                "criterion": _AS_MANY if CRITERIA[name].labels else CRITERIA[name].title,
                "spearman": one["spearman"],
                "interval": f"{one['low']:.2f} to {one['high']:.2f}".replace("-", "−"),
                "lost": 100 * one["lost"],
                "scale": 100 * one["scale_lost"],
                "scale_worst": 100 * one["scale_lost_worst"],
                "weakness": CRITERIA[name].weakness,
            }
            for name, one in found.items()
        ]
    )


def _short(name: str) -> str:
    return _AS_MANY if CRITERIA[name].labels else CRITERIA[name].short


def _columns() -> dict[str, Any]:
    number, text = st.column_config.NumberColumn, st.column_config.TextColumn
    return {
        "criterion": text("Criterion", width=230),
        "spearman": number("Spearman", format="%.2f", help="Rank correlation with validation accuracy over recipes."),
        "interval": text("95 %", help="Of the first draw, by resampling recipes."),
        "lost": number("Points lost", format="%.1f", help="By merging with the recipe that it puts first."),
        "scale": number("Scale alone", format="%.1f", help="Points lost when it chooses only a method's scale; mean."),
        "scale_worst": number("Worst", format="%.1f", help="The same for the method and draw that come off worst."),
        "weakness": text("Known weakness", width=420),
    }
