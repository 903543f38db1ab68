"""Which classes are taken for which: the matrices of A, of B and their difference, and the images of a cell."""

from collections.abc import Callable
from typing import Any

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from mloss_core.evaluation.inspection.answers import Inspection
from mloss_core.evaluation.inspection.confusion import cell_images, class_order, confusion, views_of
from ui import theme
from ui.formats import plain
from ui.inspect import state
from ui.inspect.choices import Choice
from ui.inspect.gallery import download, gallery
from ui.state import put
from ui.zoo.facts import ZooFacts

MOST = 30
"""Classes that are shown; of more, those with the most confusions and those that are spoken of."""
_LONGEST_NAME = 18
_WRITTEN = 14
_CHART = "in_confusion"
_NOTHING = {
    "a": "A takes no class for another.",
    "b": "B takes no class for another.",
    "difference": "Both take the same classes for each other as often.",
    "agreement": "Both give the same answer to every image.",
}
VIEWS = {"a": "A", "b": "B", "difference": "A minus B", "agreement": "A against B"}


def confusion_tab(zoo: ZooFacts, choice: Choice, inspection: Inspection, stale: bool) -> None:
    """Draw the matrix, and the images of the clicked cell beside it."""
    view = _view(inspection)
    cell = _cell(len(inspection.classes)) or largest(inspection, view)
    spoken_of = [cell, *(largest(inspection, each) for each in views_of(inspection))]
    order = class_order(inspection, MOST, [place for each in spoken_of if each for place in each])
    left, right = st.columns([0.56, 0.44], gap="medium")
    with left:
        counted = confusion(inspection, view)
        theme.show(
            confusion_figure(inspection, view, order, cell),
            key=f"{_CHART}_{view}",
            alt=sentence(inspection, view),
            on_select=_clicked(view, len(inspection.classes)),
            stale=stale,
        )
        st.caption(plain(sentence(inspection, view)))
        if len(order) < len(counted):
            st.caption(
                f"Shown: {len(order)} of {len(counted)} classes, those with the most confusions and those named here."
            )
    with right:
        if cell is None:
            st.caption("Click a cell to see its images.")
            state.keep(state.place("cell"), None)
            return
        images = cell_images(inspection, view, *cell)
        st.markdown(cell_words(inspection, view, cell, len(images)))
        gallery(zoo, choice, inspection, images, "cell", most=6)
        if len(images):
            download(inspection, images, choice, f"{view}_cell", "These images (CSV)", "in_get_cell")


def confusion_figure(inspection: Inspection, view: str, order: np.ndarray, cell: tuple[int, int] | None) -> go.Figure:
    """The matrix with classes in this order; a click on a cell with images gives back `row.column`."""
    counted = confusion(inspection, view)[np.ix_(order, order)]
    names, places = [inspection.classes[place] for place in order], range(len(order))
    rows, columns = ("Answer of B", "Answer of A") if view == "agreement" else ("Truth", _answer_words(view))
    size = max(11, min(34, 430 // max(1, len(order))))
    fig = theme.figure(_title(view), x=columns, y=rows, height=130 + size * len(order))
    limit = max(1, int(np.abs(counted).max()))
    if view == "difference":
        shown, colours = counted, {"colorscale": theme.DIVERGING, "zmin": -limit, "zmax": limit}
        bar = "Images, A minus B"
    else:
        shown = 100 * counted / np.maximum(counted.sum(axis=1, keepdims=True), 1)
        colours, bar = {"colorscale": theme.SEQUENTIAL, "zmin": 0, "zmax": 100}, "Share of the row, %"
    written = len(order) <= _WRITTEN
    fig.add_heatmap(
        z=shown,
        x=list(places),
        y=list(places),
        hoverinfo="skip",
        text=np.where(counted == 0, "", np.char.replace(np.char.mod("%d", counted), "-", "−")) if written else None,
        texttemplate="%{text}" if written else None,
        colorbar=theme.colourbar(bar),
        **colours,
    )
    fig.add_trace(_clicks(inspection, view, order, counted, size))
    ticks: dict[str, Any] = {
        "tickmode": "array",
        "tickvals": list(places),
        "ticktext": [_short(name) for name in names],
        "tickfont": {"size": min(12, size - 5)} if len(order) > _WRITTEN else {},
        "showgrid": False,
        "ticks": "",
    }
    fig.update_xaxes(range=[-0.5, len(order) - 0.5], fixedrange=True, **ticks)
    fig.update_yaxes(range=[len(order) - 0.5, -0.5], fixedrange=True, **ticks)
    _frame(fig, order, cell)
    return fig


def sentence(inspection: Inspection, view: str) -> str:
    """What stands out in the matrix, in plain words."""
    cell = largest(inspection, view)
    if cell is None:
        return _NOTHING[view]
    counted = confusion(inspection, view)
    (row, column), number = (inspection.classes[place] for place in cell), int(counted[cell])
    if view == "agreement":
        return f"Most often they differ where B answers {row} and A {column}: {number} of {counted.sum()} images."
    if view == "difference":
        more, other = ("A", "B") if number > 0 else ("B", "A")
        images = "1 more image" if abs(number) == 1 else f"{abs(number)} more images"
        return f"The largest difference: {more} takes {row} for {column} on {images} than {other}."
    return f"{VIEWS[view]} takes {row} for {column} most often: {number} of {int(counted[cell[0]].sum())} images."


def largest(inspection: Inspection, view: str) -> tuple[int, int] | None:
    """The cell off the diagonal that stands out most; None where there is nothing."""
    off = confusion(inspection, view)
    np.fill_diagonal(off, 0)
    row, column = np.unravel_index(int(np.abs(off).argmax()), off.shape)
    return (int(row), int(column)) if off[row, column] else None


def cell_words(inspection: Inspection, view: str, cell: tuple[int, int], number: int) -> str:
    """Above the images of a cell."""
    row, column = (plain(inspection.classes[place]) for place in cell)
    images = "1 image" if number == 1 else f"{number} images"
    if view == "agreement":
        return f"**{images}** that B calls {row} and A {column}"
    if view == "difference":
        return f"**{images}** of {row} that exactly one of A and B calls {column}"
    return f"**{images}** of {row} that {VIEWS[view]} calls {column}"


def parse_cell(text: Any, classes: int) -> tuple[int, int] | None:
    """The (row, column) of a clicked cell or of a link, if there are such classes."""
    parts = text.split(".") if isinstance(text, str) else []
    if len(parts) != 2 or not all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts):
        return None
    row, column = map(int, parts)
    return (row, column) if row < classes and column < classes else None


def _view(inspection: Inspection) -> str:
    offered = views_of(inspection)
    if len(offered) == 1:
        return offered[0]
    usual = "difference"
    if state.recall(state.VIEW, lambda text: text if text in offered else None, usual) not in offered:
        put(state.VIEW, usual)
    view = st.segmented_control(
        "Matrix",
        offered,
        required=True,
        key=state.VIEW,
        format_func=lambda name: VIEWS.get(name, name),
        label_visibility="collapsed",
    )
    view = view if view in offered else usual
    state.keep(state.VIEW, None if view == usual else view)
    return view


def _cell(classes: int) -> tuple[int, int] | None:
    """The open cell, here and in the link."""
    text = state.recall(state.CELL, lambda text: text if parse_cell(text, classes) else None, None)
    cell = parse_cell(text, classes)
    state.keep(state.CELL, text if cell else None)
    return cell


def _clicked(view: str, classes: int) -> Callable[[], None]:
    def clicked() -> None:
        text = theme.selected_id(st.session_state.get(f"{_CHART}_{view}"))
        if parse_cell(text, classes) is not None:
            put(state.CELL, text)

    return clicked


def _clicks(inspection: Inspection, view: str, order: np.ndarray, counted: np.ndarray, size: int) -> go.Scatter:
    """Points over the cells that hold images; of the difference also where both models confuse as often."""
    held = counted != 0
    if view == "difference":
        both = [confusion(inspection, side)[np.ix_(order, order)] for side in ("a", "b")]
        held = (both[0] + both[1]) > 0
    ys, xs = np.nonzero(held)
    names = inspection.classes
    words = []
    for y, x in zip(ys, xs, strict=True):
        row, column, number = names[order[y]], names[order[x]], int(counted[y, x])
        if view == "difference":
            words.append(f"{row} taken for {column}<br>by A {both[0][y, x]}, by B {both[1][y, x]}: {number:+d}")
        elif view == "agreement":
            words.append(f"B answers {row}, A {column}<br>{number} images")
        else:
            words.append(f"{row} taken for {column}<br>{number} of {int(counted[y].sum())} images")
    ids = [f"{order[y]}.{order[x]}" for y, x in zip(ys, xs, strict=True)]
    return theme.click_layer(xs, ys, words, ids, size=size)


def _frame(fig: go.Figure, order: np.ndarray, cell: tuple[int, int] | None) -> None:
    if cell is None or any(place not in order for place in cell):
        return
    y, x = (int(np.flatnonzero(order == place)[0]) for place in cell)
    fig.add_shape(
        type="rect",
        x0=x - 0.5,
        x1=x + 0.5,
        y0=y - 0.5,
        y1=y + 0.5,
        line={"color": theme.CATEGORY[1], "width": 3},
        layer="above",
    )


def _answer_words(view: str) -> str:
    return "Answer" if view == "difference" else f"Answer of {VIEWS[view]}"


def _title(view: str) -> str:
    return {
        "a": "What A takes for what",
        "b": "What B takes for what",
        "difference": "Where A and B take classes for others unlike each other",
        "agreement": "What A and B answer to the same images",
    }[view]


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[: _LONGEST_NAME - 1]}…"
