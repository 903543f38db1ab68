"""What the card says beside its accuracies: merges as models are added, and where the M-Loss is."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from mloss_core.evaluation.cards import BlockMLoss, CardCurve, CardRow, curve_of_card, profile_of_card
from mloss_core.wording import SPLITS
from ui import theme
from ui.formats import engineering, measured, percent
from ui.mergeability.figures import unit_of
from ui.zoo.facts import ZooFacts

_COLOURS = (theme.CATEGORY[0], theme.CATEGORY[4], theme.CATEGORY[3], theme.CATEGORY[6])
_SYMBOLS = ("diamond", "triangle-up", "circle", "star-diamond")
_DASHES = {"zero_shot": "dot", "individual": "dot", "ensemble": "solid"}
_HIDDEN = ("ensemble_features",)


def card_figures(zoo: ZooFacts) -> None:
    """The curve and the profile side by side, each where the card has it."""
    curve, profile = curve_of_card(zoo.card), profile_of_card(zoo.card)
    if curve is None and not profile:
        return
    left, right = st.columns([0.58, 0.42], gap="medium")
    with left:
        if curve is not None:
            theme.show(curve_figure(curve), key="overview_curve", alt=curve_alt(curve))
            st.caption(
                "The first models of the zoo, merged by methods with their default options, on their own tasks: "
                "nothing was chosen for it. Whiskers: standard error from the number of images."
            )
    with right:
        if profile:
            images = int(zoo.card["mloss"]["images"])
            theme.show(profile_figure(profile, len(zoo.tasks)), key="overview_profile", alt=profile_alt(profile))
            st.caption(
                f"Of all models merged with equal weights, on {images} unlabeled images. Whiskers: standard error."
            )


def curve_figure(curve: CardCurve, height: int = 340) -> go.Figure:
    """Mean accuracy of the first n tasks, a line for each way of answering them, with its standard error."""
    fig = theme.figure(
        f"As models are added, from {curve.counts[0]} to {curve.counts[-1]}",
        x="Models merged",
        y=f"Mean {SPLITS.get(curve.split, curve.split)} accuracy, %",
        height=height,
    )
    shown = [row for row in curve.rows if row.name not in _HIDDEN]
    last = curve.counts[-1]
    merges = [row.name for row in shown if row.kind == "merged"]
    # The legend stands beside the right end of the lines, in their order there.
    for row in sorted(shown, key=lambda row: -row.averages.get(last, 0.0)):
        place = merges.index(row.name) if row.kind == "merged" else None
        _add_line(fig, row, place)
    fig.update_layout(legend={"orientation": "v", "x": 1.02, "y": 1, "yanchor": "top", "font": {"size": 11}})
    fig.update_xaxes(tickmode="array", tickvals=list(curve.counts), showgrid=False)
    return fig


def _add_line(fig: go.Figure, row: CardRow, place: int | None) -> None:
    counts = sorted(row.averages)
    colour = theme.role_colour(row.kind) if place is None else _COLOURS[place % len(_COLOURS)]
    words = [
        f"{row.title} of {count} models: {percent(row.averages[count], row.errors[count])} on their {count} tasks"
        for count in counts
    ]
    fig.add_scatter(
        name=row.title,
        x=counts,
        y=[100 * row.averages[count] for count in counts],
        error_y={"type": "data", "array": [100 * row.errors[count] for count in counts], "width": 0, "thickness": 1},
        mode="lines+markers",
        line={"color": colour, "width": 1.5, "dash": _DASHES.get(row.kind, "solid")},
        marker={"color": colour, "size": 7, "symbol": "square" if place is None else _SYMBOLS[place % len(_SYMBOLS)]},
        text=words,
        hovertemplate="%{text}<extra></extra>",
    )


def profile_figure(profile: Sequence[BlockMLoss], models: int, height: int = 340) -> go.Figure:
    """M-Loss of every block as a bar, with its standard error."""
    factor, unit = unit_of(np.array([one.mloss for one in profile]))
    fig = theme.figure(f"M-Loss by block ({unit})" if unit else "M-Loss by block", x="Block", height=height)
    fig.add_bar(
        name=f"{models} models",
        x=[one.block for one in profile],
        y=[factor * one.mloss for one in profile],
        error_y={
            "type": "data",
            "array": [factor * one.standard_error for one in profile],
            "width": 0,
            "thickness": 1.5,
            "color": theme.INK,
        },
        marker_color=theme.ACCENT,
        text=[
            f"Block {one.block}: M-Loss {measured(one.mloss, one.standard_error)}<br>"
            f"normalised {engineering(one.normalised)}"
            for one in profile
        ],
        textposition="none",
        hovertemplate="%{text}<extra></extra>",
    )
    fig.update_xaxes(tickmode="linear", dtick=1 if len(profile) <= 12 else 2, tickangle=0, showgrid=False)
    fig.update_yaxes(rangemode="tozero")
    return fig


def curve_alt(curve: CardCurve) -> str:
    """The message of the curve in words: where each line starts and ends."""
    first, last = curve.counts[0], curve.counts[-1]
    parts = [
        f"{row.title} from {percent(row.averages[first])} to {percent(row.averages[last])}"
        for row in curve.rows
        if row.name not in _HIDDEN
    ]
    return f"Mean accuracy from {first} models to {last}: {'; '.join(parts)}."


def profile_alt(profile: Sequence[BlockMLoss]) -> str:
    """The message of the profile in words."""
    most = max(profile, key=lambda one: one.mloss)
    return f"M-Loss of {len(profile)} blocks, largest in block {most.block} with {engineering(most.mloss)}."
