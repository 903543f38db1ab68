"""One task's images as each model sees them: features in one plane, side by side, with their classes."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st
from plotly.subplots import make_subplots

from mloss_core.evaluation.inspection.answers import Inspection
from mloss_core.evaluation.inspection.projection import Projection
from ui import jobs, theme
from ui.formats import count, percent, plain
from ui.inspect import state
from ui.inspect.choices import Choice
from ui.inspect.gallery import gallery
from ui.zoo.facts import ZooFacts

COLOURED = 9
"""Classes that have a colour each; the others share a quiet one."""
_CHART = "in_features"
_HEIGHT = 360


def features_tab(zoo: ZooFacts, choice: Choice, inspection: Inspection, stale: bool) -> None:
    """Draw the pictures; images that are boxed in one of them are ringed in all and shown below."""
    params = {**choice.images(zoo), "models": choice.beside("zero_shot", "individual", "ensemble")}
    result = jobs.job_result(
        "in_features", "inspect_features", params, label="Looking at the features", reserve=_HEIGHT
    )
    if result.payload is None:
        return
    found = in_order(Projection.from_entry(result.payload.meta, result.payload.arrays))
    old = stale or result.stale
    marked = () if old else _marked(len(inspection.index))
    theme.show(
        features_figure(found, choice, inspection, marked),
        key=_CHART,
        alt=f"Features of {choice.task} through {', '.join(one['model'] for one in found.models)}.",
        on_select=_selected,
        selection_mode=("points", "box"),
        stale=old,
    )
    st.caption(_about(found, choice))
    if marked:
        gallery(zoo, choice, inspection, marked, "marked")
    else:
        state.keep(state.place("marked"), None)


def _about(found: Projection, choice: Choice) -> str:
    shares = ", ".join(
        f"{choice.label(one['key'], one['model'])} {percent(share)}"
        for one, share in zip(found.models, found.explained, strict=True)
    )
    images, drawn = count(found.images), count(len(found.image))
    return (
        "The two main directions (PCA) of all these models' normalised features together, so that a place means the "
        f"same in every picture; {images} images" + (f", of which {drawn} are drawn" if drawn != images else "") + ". "
        f"Share of each model's variance that the plane shows: {plain(shares)}. Drag a box or click a point to see the "
        "images."
    )


def in_order(found: Projection) -> Projection:
    """The pictures from the pretrained encoder over the expert and the merges to the Ensembles."""
    ranks = {"zero_shot": 0, "individual": 1, "merged": 2, "per_task": 2, "ensemble": 3}
    order = sorted(range(len(found.models)), key=lambda place: ranks.get(found.models[place]["kind"], 2))
    return dataclasses.replace(
        found,
        models=tuple(found.models[place] for place in order),
        explained=tuple(found.explained[place] for place in order),
        points=found.points[order],
        predicted=found.predicted[order],
    )


def features_figure(found: Projection, choice: Choice, inspection: Inspection, marked: Sequence[int] = ()) -> go.Figure:
    """One picture a model, points coloured by class; marked images have a ring."""
    titles = [choice.label(one["key"], one["model"]) for one in found.models]
    fig = make_subplots(
        1, len(titles), shared_xaxes="all", shared_yaxes="all", subplot_titles=titles, horizontal_spacing=0.012
    )
    fig.update_layout(theme.figure("", height=_HEIGHT).layout.to_plotly_json() | {"title": None})
    shown = colour_classes(found, inspection)
    label = point_classes(found)
    for column, points in enumerate(found.points, 1):
        for name, colour, members in _groups(shown, label, inspection.classes):
            _points(fig, found, inspection, points, members, name, colour, column)
        ringed = np.flatnonzero(np.isin(found.image, list(marked)))
        fig.add_scatter(
            x=points[ringed, 0],
            y=points[ringed, 1],
            mode="markers",
            marker={"symbol": "circle-open", "size": 11, "color": theme.INK, "line": {"width": 2, "color": theme.INK}},
            hoverinfo="skip",
            showlegend=False,
            row=1,
            col=column,
        )
    fig.update_layout(
        dragmode="select", margin={"l": 0, "r": 0, "t": 64, "b": 4}, legend={"y": 1.09, "itemsizing": "constant"}
    )
    fig.update_xaxes(showticklabels=False, ticks="", showgrid=False, zeroline=False)
    fig.update_yaxes(showticklabels=False, ticks="", showgrid=False, zeroline=False)
    return fig


def point_classes(found: Projection) -> np.ndarray:
    """The class of each point: its truth, else the own expert's answer."""
    if found.truth is not None:
        return found.truth
    own = next((place for place, one in enumerate(found.models) if one["kind"] == "individual"), 0)
    return found.predicted[own]


def colour_classes(found: Projection, inspection: Inspection) -> list[int]:
    """The classes that get colours: all where they are few, else those on which A and B differ most."""
    classes = len(inspection.classes)
    if classes <= COLOURED + 1:
        return list(range(classes))
    differing = inspection.a.predicted != inspection.b.predicted
    by = inspection.b.predicted if inspection.truth is None else inspection.truth
    weight = np.bincount(by[differing], minlength=classes) + 1e-6 * np.bincount(by, minlength=classes)
    return sorted(np.argsort(-weight, kind="stable")[:COLOURED].tolist())


def _groups(shown: Sequence[int], label: np.ndarray, names: Sequence[str]) -> list[tuple[str, str, np.ndarray]]:
    """Name, colour and members of each class that has a colour, after the others."""
    others = np.flatnonzero(~np.isin(label, shown))
    first = [("other classes", theme.MUTED, others)] if len(others) else []
    return first + [
        (names[value], theme.CATEGORY[place % len(theme.CATEGORY)], np.flatnonzero(label == value))
        for place, value in enumerate(shown)
    ]


def _points(
    fig: go.Figure,
    found: Projection,
    inspection: Inspection,
    points: np.ndarray,
    members: np.ndarray,
    name: str,
    colour: str,
    column: int,
) -> None:
    names, answers = inspection.classes, found.predicted[column - 1]
    truth = "" if found.truth is None else f"{name}: "
    fig.add_scatter(
        name=name,
        legendgroup=name,
        showlegend=column == 1,
        x=points[members, 0],
        y=points[members, 1],
        mode="markers",
        marker={"size": 5, "color": colour, "opacity": 0.45 if name == "other classes" else 0.8},
        customdata=np.array([[int(found.image[place])] for place in members], dtype=object).reshape(-1, 1),
        text=[f"{truth}answered {names[answers[place]]}<br>click to see the image" for place in members],
        hovertemplate="%{text}<extra></extra>",
        row=1,
        col=column,
    )


def _marked(images: int) -> tuple[int, ...]:
    """The marked images, here and in the link."""
    held = state.recall(state.MARKED, parse_marked, ())
    marked = tuple(image for image in held if image < images)
    state.keep(state.MARKED, ",".join(map(str, marked)) or None)
    return marked


def parse_marked(text: str) -> tuple[int, ...] | None:
    """The images that a link marks; None where it is no list of numbers."""
    parts = text.split(",")[: state.MAX_MARKED]
    if not all(part.isascii() and part.isdigit() and len(part) < 8 for part in parts):
        return None
    return tuple(dict.fromkeys(map(int, parts)))


def _selected() -> None:
    """Remember what was boxed or clicked; an empty selection lets go."""
    st.session_state[state.MARKED] = marked_in(st.session_state.get(_CHART))


def marked_in(event: Any) -> tuple[int, ...]:
    """The images of the selected points, each once, no more than a link holds."""
    try:
        points = event["selection"]["points"]
        images = [int(point["customdata"][0]) for point in points if point.get("customdata")]
    except (KeyError, IndexError, TypeError, ValueError):
        return ()
    return tuple(dict.fromkeys(images))[: state.MAX_MARKED]
