"""One look for all Plotly figures, in light and dark.

Streamlit exchanges marker colours in a figure for those of the theme the reader sees, in the browser. Figures therefore
use these names and never a fixed colour, and follow a switch between light and dark without being drawn again.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np
import plotly.graph_objects as go
import plotly.io as pio
import streamlit as st

_STREAMLIT = pio.templates["streamlit"]
_TABLE = _STREAMLIT.data.table[0]

CATEGORY: tuple[str, ...] = tuple(_STREAMLIT.layout.colorway)
"""Ten colours for names; the first is the app's accent."""
SEQUENTIAL: list[list[Any]] = [list(stop) for stop in _STREAMLIT.layout.colorscale.sequential]
"""From little to much. For M-Loss and everything that starts at zero."""
DIVERGING: list[list[Any]] = [list(stop) for stop in _STREAMLIT.layout.colorscale.diverging]
"""Orange below, blue above: only around a real zero."""
INK: str = _TABLE.cells.font.color
"""Text and the lines that matter most."""
MUTED: str = _TABLE.header.font.color
"""Secondary text and reference lines."""
GROUND: str = _TABLE.cells.fill.color
"""The page's own ground."""
FAINT: str = _TABLE.header.fill.color
"""Fills behind something, guides."""
ACCENT: str = CATEGORY[0]

ROLES: dict[str, str] = {
    "merged": CATEGORY[0],
    "ensemble": CATEGORY[1],
    "individual": CATEGORY[2],
    "zero_shot": CATEGORY[8],
}
"""Colour of each kind of evaluation row, the same on every page."""

CONFIG: dict[str, Any] = {"displayModeBar": False, "scrollZoom": False, "doubleClick": "reset", "showTips": False}
_STALE_OPACITY = 0.35
TITLE_HEIGHT = 56
_FOREIGN_TAG = re.compile(r"<(?!/?(b|i|br|sub|sup|extra|span)\s*/?>|span style=\"color:[#\w]+\">)(?=[/a-zA-Z!])")


def task_colour(position: int) -> str:
    """Colour of the task at this place in the zoo's order. Colours repeat after nine: names must show too."""
    return CATEGORY[position % 9]


def role_colour(kind: str) -> str:
    """Colour of an evaluation row's kind (`zero_shot`, `merged`, `ensemble`, `individual`, ...)."""
    return ROLES.get(kind, CATEGORY[4])


def _template() -> go.layout.Template:
    axis = {"showline": False, "ticks": "outside", "ticklen": 4, "zeroline": False, "gridwidth": 1}
    return go.layout.Template(
        layout={
            **{"xaxis": axis, "yaxis": axis, "colorway": CATEGORY, "bargap": 0.25, "hovermode": "closest"},
            "colorscale": {"sequential": SEQUENTIAL, "diverging": DIVERGING},
            "hoverlabel": {"align": "left"},
        },
        data={
            "heatmap": [{"colorscale": SEQUENTIAL, "xgap": 1, "ygap": 1}],
            "scatter": [{"marker": {"line": {"width": 0}}, "line": {"width": 1.5}}],
        },
    )


pio.templates["mloss"] = _template()


def figure(title: str, *, x: str = "", y: str = "", height: int = 320, subtitle: str = "") -> go.Figure:
    """An empty figure in the shared look.

    Args:
        title: says what the chart shows; `subtitle` adds one quiet line.
        x: title of the horizontal axis with its unit; `y` likewise for the vertical one.
        height: in pixels, with the title.
    """
    heading: dict[str, Any] = {"text": title, "y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 6, "l": 0}}
    if subtitle:
        heading["subtitle"] = {"text": subtitle}
    return go.Figure(
        layout={
            **{"template": "mloss", "title": heading, "height": height},
            "margin": {"l": 0, "r": 8, "t": TITLE_HEIGHT + (16 if subtitle else 0), "b": 4},
            "xaxis": {"title": {"text": x, "standoff": 8}},
            "yaxis": {"title": {"text": y, "standoff": 8}},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "title": {"text": ""}},
            "paper_bgcolor": "rgba(0,0,0,0)",
            "plot_bgcolor": "rgba(0,0,0,0)",
        }
    )


def colourbar(title: str = "", **changes: Any) -> dict[str, Any]:
    """A thin colour bar to the right of a heatmap."""
    return {"title": {"text": title, "side": "right"}, "thickness": 10, "outlinewidth": 0, "xpad": 8, **changes}


def show(
    fig: go.Figure,
    *,
    key: str | None = None,
    alt: str,
    on_select: "Literal['rerun', 'ignore'] | Callable[..., None]" = "ignore",
    selection_mode: Any = ("points",),
    stale: bool = False,
) -> Any:
    """Draw a figure of `figure()`; returns the selection when `on_select` asks for one.

    Args:
        key: names the chart across reruns; it must be unique on the page. Only a chart without may be drawn anew in one
            run.
        alt: the chart's message in words, for people who do not see it.
        on_select: what a click on a point does. Heatmap cells cannot be clicked: lay `click_layer` over them.
        stale: the figure answers an earlier choice, and is drawn pale.
    """
    chart = without_markup(fade(fig) if stale else fig)
    return st.plotly_chart(
        chart, key=key, alt=alt, on_select=on_select, selection_mode=selection_mode, config=CONFIG, theme="streamlit"
    )


def without_markup(fig: go.Figure) -> go.Figure:
    """The figure, with every tag in its texts that figures here have no use for, such as a link, shown as text.

    Names of tasks, classes and recipes come from files and links; Plotly reads a subset of HTML in all texts.
    """
    values = fig.to_plotly_json()
    return fig if _cleaned(values) == 0 else go.Figure(values)


def _cleaned(values: Any) -> int:
    """Escape foreign tags in place, in whatever is nested; how many texts had one."""
    places = values.items() if isinstance(values, dict) else enumerate(values)
    found = 0
    for place, value in list(places):
        if isinstance(value, str):
            text = _FOREIGN_TAG.sub("&lt;", value)
            if text != value:
                values[place] = text
                found += 1
        elif isinstance(value, tuple) and any(isinstance(one, (str, tuple, list, dict)) for one in value):
            values[place] = list(value)
            found += _cleaned(values[place])
        elif isinstance(value, (dict, list)) or (isinstance(value, np.ndarray) and value.dtype.kind in "OU"):
            held = value.astype(object) if isinstance(value, np.ndarray) else value
            inside = _cleaned(held)
            if inside and held is not value:
                values[place] = held
            found += inside
    return found


def fade(fig: go.Figure) -> go.Figure:
    """A pale copy of a figure, for results that answer an earlier choice. Layers drawn invisible stay so."""
    pale = go.Figure(fig)
    for trace in pale.data:
        trace.opacity = _STALE_OPACITY * (1 if trace.opacity is None else trace.opacity)
    return pale


def click_layer(
    x: "Sequence[Any] | np.ndarray",
    y: "Sequence[Any] | np.ndarray",
    text: Sequence[str],
    ids: "Sequence[Any] | np.ndarray",
    size: int = 18,
) -> go.Scatter:
    """Invisible points over the cells of a heatmap: they carry its hover text and can be clicked, which cells cannot.

    Args:
        x: horizontal place of each point; `y` the vertical one.
        text: hover text of each point.
        ids: what the selection gives back as `customdata` of each point.
        size: side of the square that reacts, in pixels.
    """
    return go.Scatter(
        x=np.asarray(x),
        y=np.asarray(y),
        customdata=np.array([[item] for item in ids], dtype=object),
        text=np.array(text, dtype=object),
        mode="markers",
        opacity=0,
        marker={"symbol": "square", "size": size},
        hovertemplate="%{text}<extra></extra>",
        showlegend=False,
        selected={"marker": {"opacity": 0}},
        unselected={"marker": {"opacity": 0}},
    )


def selected_id(event: Any) -> Any | None:
    """The id of the clicked point of a `click_layer` in what `show` returned, or None."""
    try:
        points = event["selection"]["points"]
        return points[0]["customdata"][0] if points else None
    except (KeyError, IndexError, TypeError):
        return None
