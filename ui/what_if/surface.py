"""The right column: a criterion over two options, with its best point and flat region; a click moves the sliders."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from mloss_core.merging.methods import METHODS
from ui import state, theme
from ui.formats import plain
from ui.options_form import FormField
from ui.what_if import state as here
from ui.what_if.axis_choice import axis_fields, axis_of, value_words, without
from ui.what_if.controls import Choices
from ui.what_if.judging import criterion_choice
from ui.what_if.measured import IMAGES, Measured, measured, request
from ui.what_if.values import factor, images, unit, words
from ui.zoo.facts import ZooFacts

NAME = "surface"
STEPS = 5
_CHART = state.key(here.PAGE, "surface")
_ACROSS, _DOWN = state.key(here.PAGE, "across"), state.key(here.PAGE, "down")


def surface_part(zoo: ZooFacts, choices: Choices, needs: str) -> None:
    """Draw the column."""
    recipe, method = choices.draft.recipe, choices.draft.method
    fields = {field.name: field for field in axis_fields(method)}
    if recipe is None or needs:
        return
    if len(fields) < 2:
        st.caption(f"{method.title} has no two options to draw a surface over.")
        return
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        across = _axis("Across", _ACROSS, fields, next(iter(fields)))
        down = _axis("Up", _DOWN, {k: v for k, v in fields.items() if k != across}, _other(fields, across))
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        criterion = criterion_choice(zoo, "Criterion", here.CRITERION, "What surfaces, paths and planes show.")
        _images()
    if not criterion.labels and choices.judging is not None and criterion != choices.judging.criterion:
        st.caption(f":material/visibility_off: {criterion.weakness}", help=criterion.summary)
    axes = [axis_of(method, fields[name], recipe, STEPS) for name in (across, down)]
    params = request(zoo, NAME, without(recipe, (across, down)), axes=[axis.to_dict() for axis in axes])
    found = measured(NAME, params, "Measuring the surface", reserve=320, words=f"Draw {STEPS} × {STEPS} merges")
    if found is None:
        st.caption("How the criterion changes with both options; a click on a cell moves the sliders there.")
        return
    _draw(found, recipe.options)


def _draw(found: Measured, now: Mapping[str, Any]) -> None:
    method = METHODS[found.recipe.method]
    labels = {field.name: field.label for field in axis_fields(method)}
    theme.show(
        surface_figure(found.found, labels, now),
        key=_CHART,
        on_select=lambda: _clicked(found),
        alt=surface_words(found.found, labels),
        stale=found.stale,
    )
    st.caption(plain(surface_words(found.found, labels)))


def _clicked(found: Measured) -> None:
    place = theme.selected_id(st.session_state.get(_CHART))
    points, axes = found.found["points"], found.found["axes"]
    if isinstance(place, int) and 0 <= place < len(points):
        values = points[place]["values"]
        here.jump(found.recipe, {axis["name"]: value for axis, value in zip(axes, values, strict=True)})


def surface_figure(
    found: Mapping[str, Any], labels: Mapping[str, str], now: Mapping[str, Any], height: int = 370
) -> go.Figure:
    """The criterion as a heatmap; the best cell has a diamond, cells not surely worse a dot, the sliders a cross.

    Args:
        found: of `mloss_core.whatif.surfaces.surface`, two axes.
        labels: of the options. now: where the sliders stand.
    """
    first, second = found["axes"]
    xs, ys = ([value_words(value) for value in axis["values"]] for axis in (first, second))
    points = found["points"]
    cells = np.array([factor(found) * point["value"] for point in points]).reshape(len(xs), len(ys)).T
    places = [(value_words(point["values"][0]), value_words(point["values"][1])) for point in points]
    names = [labels.get(axis["name"], axis["name"]) for axis in (first, second)]
    fig = theme.figure(f"{found['title']}, {unit(found)}", x=names[0], y=names[1], height=height)
    fig.add_heatmap(z=cells, x=xs, y=ys, colorscale=theme.SEQUENTIAL, colorbar=theme.colourbar(), hoverinfo="skip")
    flat = [place for place, point in zip(places, points, strict=True) if point["flat"]]
    _mark(fig, flat, "circle", 6, "Not surely worse")
    _mark(fig, [places[found["best"]]], "diamond", 13, "Best")
    held = tuple(value_words(now[axis["name"]]) if axis["name"] in now else None for axis in (first, second))
    if held in places:
        _mark(fig, [held], "x", 9, "Sliders")
    hover = [
        f"{names[0]} {x}, {names[1]} {y}: {words(found, p)}<br>click to go there"
        for (x, y), p in zip(places, points, strict=True)
    ]
    fig.add_trace(theme.click_layer([x for x, _ in places], [y for _, y in places], hover, range(len(points)), size=36))
    fig.update_layout(margin={"t": theme.TITLE_HEIGHT + 26})
    fig.update_xaxes(type="category", showgrid=False)
    fig.update_yaxes(type="category", showgrid=False)
    return fig


def _mark(fig: go.Figure, places: Any, symbol: str, size: int, name: str) -> None:
    fig.add_scatter(
        name=name,
        x=[x for x, _ in places],
        y=[y for _, y in places],
        mode="markers",
        hoverinfo="skip",
        marker={"symbol": symbol, "size": size, "color": theme.GROUND, "line": {"color": theme.INK, "width": 1.2}},
    )


def surface_words(found: Mapping[str, Any], labels: Mapping[str, str]) -> str:
    """The best point and the flat region, in words."""
    best = found["points"][found["best"]]
    where = ", ".join(
        f"{labels.get(axis['name'], axis['name'])} {value_words(value)}"
        for axis, value in zip(found["axes"], best["values"], strict=True)
    )
    count = len(found["points"])
    same = sum(point["flat"] for point in found["points"]) - 1
    return (
        f"Best at {where}: {words(found, best)} on {images(found)}; {same} of {count - 1} other cells are not surely "
        "worse (twice the paired standard error)."
    )


def _axis(label: str, key: str, fields: Mapping[str, FormField], default: str) -> str:
    names = list(fields)
    name = st.selectbox(
        label,
        names,
        index=names.index(default),
        key=key,
        bind=state.BIND,
        format_func=lambda name: fields[name].label if name in fields else str(name),
    )
    return name if name in fields else default


def _other(fields: Mapping[str, FormField], name: str) -> str:
    return next(other for other in fields if other != name)


def _images() -> None:
    st.segmented_control(
        "Images a task",
        list(IMAGES),
        default="64",
        required=True,
        key=state.key(here.PAGE, "few"),
        bind=state.BIND,
        help="The same few of each task every time. More take longer and tell smaller differences.",
    )
