"""The whole story of a zoo at once: for each task, what every way of answering it reaches, on one line."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import plotly.graph_objects as go

from ui import theme
from ui.formats import percent


@dataclass(frozen=True)
class Answerer:
    """One way of answering all tasks: a row of the evaluation table.

    Args:
        name: for the legend.
        kind: `zero_shot`, `merged`, `ensemble` or `individual`; it decides the colour.
        accuracy: fraction by task.
        error: standard error by task.
        average: mean over the tasks; `average_error` its standard error.
    """

    name: str
    kind: str
    accuracy: Mapping[str, float]
    error: Mapping[str, float]
    average: float
    average_error: float | None = None


AVERAGE = "<b>Average</b>"
_SYMBOLS = {
    "zero_shot": ("circle-open",),
    "individual": ("circle",),
    "ensemble": ("square", "square-open"),
    "merged": ("diamond", "diamond-open", "triangle-up-open", "triangle-up", "star-diamond"),
}


def dumbbell_figure(
    tasks: Sequence[str], answerers: Sequence[Answerer], height: int | None = None, split: str = "Test"
) -> go.Figure:
    """A line for each task from its lowest to its highest accuracy, with a mark for every answerer; the mean last."""
    rows = [*tasks, AVERAGE]
    fig = theme.figure(
        "Accuracy on each task, from the untouched encoder to the specialists",
        x=f"{split} accuracy, %",
        height=height or 106 + 26 * len(rows),
    )
    for row in rows:
        values = [100 * value for value in (_value(answerer, row) for answerer in answerers) if value is not None]
        if values:
            fig.add_scatter(
                x=[min(values), max(values)],
                y=[row, row],
                mode="lines",
                showlegend=False,
                hoverinfo="skip",
                line={"color": theme.MUTED, "width": 5},
                opacity=0.2,
            )
    seen: dict[str, int] = {}
    for answerer in answerers:
        repeat = seen[answerer.kind] = seen.get(answerer.kind, -1) + 1
        _add_marks(fig, rows, answerer, repeat)
    fig.update_yaxes(autorange="reversed", showgrid=False, ticks="", categoryorder="array", categoryarray=rows)
    fig.update_xaxes(showgrid=True, ticksuffix="", zeroline=False)
    return fig


def _add_marks(fig: go.Figure, rows: Sequence[str], answerer: Answerer, repeat: int) -> None:
    values = {row: value for row in rows if (value := _value(answerer, row)) is not None}
    shown = list(values)
    names = ["on average" if row == AVERAGE else f"on {row}" for row in shown]
    text = [
        f"{answerer.name} {name}: {percent(values[row], _error(answerer, row))}"
        for name, row in zip(names, shown, strict=True)
    ]
    symbols = _SYMBOLS.get(answerer.kind, ("circle",))
    symbol = symbols[repeat % len(symbols)]
    outline = 1.5 if symbol.endswith("-open") else 0
    fig.add_scatter(
        x=[100 * value for value in values.values()],
        y=shown,
        mode="markers",
        name=answerer.name,
        hovertext=text,
        marker={"color": theme.role_colour(answerer.kind), "symbol": symbol, "size": 10, "line": {"width": outline}},
        hovertemplate="%{hovertext}<extra></extra>",
    )


def _value(answerer: Answerer, row: str) -> float | None:
    return answerer.average if row == AVERAGE else answerer.accuracy.get(row)


def _error(answerer: Answerer, row: str) -> float | None:
    return answerer.average_error if row == AVERAGE else answerer.error.get(row)
