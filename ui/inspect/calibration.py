"""Do the models know how sure they may be? Reliability curves with their calibration errors."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from mloss_core.evaluation.inspection.answers import Inspection
from mloss_core.evaluation.inspection.calibration import BINS, Reliability
from ui import jobs, theme
from ui.formats import percent, plain
from ui.inspect.choices import Choice
from ui.zoo.facts import ZooFacts


def calibration_tab(zoo: ZooFacts, choice: Choice, inspection: Inspection, stale: bool) -> None:
    """Draw the curves of A, B, the expert and the Ensemble, and the table of their errors."""
    if not inspection.labelled:
        st.info("Calibration needs labels; these images have none.", icon=":material/info:")
        return
    params = {**choice.images(zoo), "models": choice.beside("individual", "ensemble")}
    result = jobs.job_result(
        "in_calibration", "inspect_calibration", params, label="Measuring calibration", reserve=380
    )
    if result.payload is None:
        return
    curves = [Reliability.from_dict(values) for values in result.payload.meta["curves"]]
    left, right = st.columns([0.5, 0.5], gap="medium")
    with left:
        theme.show(
            reliability_figure(curves, choice),
            key="in_reliability",
            alt=ece_sentence(curves, choice),
            stale=stale or result.stale,
        )
    with right:
        st.dataframe(
            ece_table(curves, choice),
            hide_index=True,
            height="content",
            column_config=_COLUMNS,
            alt=ece_sentence(curves, choice),
        )
        st.caption(
            f"{plain(ece_sentence(curves, choice))} In percent. ECE, expected calibration error: mean distance of "
            f"accuracy from confidence over {BINS} bins of equal width, weighted by images; ± is the deviation over "
            "resampled images. Floor: the same of a perfectly calibrated model with these confidences, which so few "
            "images do not bring to 0."
        )


def reliability_figure(curves: Sequence[Reliability], choice: Choice) -> go.Figure:
    """Accuracy against confidence, one line a model, points as large as bins are full, and the line of the ideal."""
    fig = theme.figure("How often an answer of that confidence is right", x="Confidence, %", y="Right, %", height=380)
    fig.add_scatter(
        x=[0, 100],
        y=[0, 100],
        mode="lines",
        line={"color": theme.MUTED, "width": 1, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )
    merges = [theme.CATEGORY[place] for place in (0, 3, 4)]
    for curve in curves:
        colour = merges.pop(0) if curve.kind in ("merged", "per_task") else theme.role_colour(curve.kind)
        name = choice.label(curve.key, curve.model)
        fig.add_scatter(
            name=name,
            x=[100 * value for value in curve.confidence],
            y=[100 * value for value in curve.accuracy],
            mode="lines+markers",
            line={"color": colour, "width": 1.5},
            marker={"color": colour, "size": [4 + 10 * (number / max(curve.count)) ** 0.5 for number in curve.count]},
            error_y={
                "type": "data",
                "array": [100 * value for value in curve.error],
                "thickness": 1,
                "width": 2,
                "color": colour,
            },
            customdata=list(curve.count),
            hovertemplate=f"{name}: %{{customdata}} images of confidence %{{x:.0f}} %, %{{y:.1f}} ± "
            "%{error_y.array:.1f} % of them right<extra></extra>",
        )
    fig.update_xaxes(range=[0, 102])
    fig.update_yaxes(range=[-2, 102])
    return fig


def ece_table(curves: Sequence[Reliability], choice: Choice) -> pd.DataFrame:
    """Calibration errors in percent, one row a model."""
    return pd.DataFrame(
        [
            {
                "model": choice.label(curve.key, curve.model),
                "ece": percent(curve.ece, curve.ece_error),
                "floor": 100 * curve.ece_floor,
                "confidence": 100 * curve.mean_confidence,
                "accuracy": 100 * curve.mean_accuracy,
            }
            for curve in curves
        ]
    )


def ece_sentence(curves: Sequence[Reliability], choice: Choice) -> str:
    """Who is too sure of itself, in one sentence."""
    words = []
    for curve in curves:
        gap = curve.mean_confidence - curve.mean_accuracy
        beyond = curve.ece - curve.ece_floor > 2 * curve.ece_error
        how = "about as sure as it may be" if not beyond else "too sure" if gap > 0 else "not sure enough"
        words.append(f"{choice.label(curve.key, curve.model)} is {how} (ECE {percent(curve.ece)})")
    return f"{'; '.join(words)}."


_NUMBER: dict[str, Any] = {"format": "%.1f", "width": 62}
_COLUMNS = {
    "model": st.column_config.TextColumn("Model", width=118),
    "ece": st.column_config.TextColumn("ECE", width=88, help="Expected calibration error ± deviation over images."),
    "floor": st.column_config.NumberColumn("Floor", help="ECE of a perfectly calibrated model here.", **_NUMBER),
    "confidence": st.column_config.NumberColumn("Sure", help="Mean confidence over the images.", **_NUMBER),
    "accuracy": st.column_config.NumberColumn("Right", help="Accuracy on the images.", **_NUMBER),
}
