"""Figures of the live part: accuracy by task with the value before and the controls, and what is kept by tensor."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import plotly.graph_objects as go

from mloss_core.evaluation.criteria.records import CRITERIA
from mloss_core.vision.architecture import BLOCK_PREFIX, LINEAR_MAPS
from mloss_core.wording import lower_first, upper_first
from ui import formats, theme
from ui.what_if.values import factor, figure_words, unit

MEAN = "Mean"
ESTIMATE_OPACITY = 0.5
_TENSORS = {"attn.in_proj_weight": "Attention in", "attn.out_proj.weight": "Attention out"}
_TENSORS |= {"mlp.c_fc.weight": "MLP in", "mlp.c_proj.weight": "MLP out"}
_CONTROLS = (
    ("e = 0", "e = 0", "circle-open"),
    ("reversed ranks", "reversed", "triangle-down-open"),
    ("random ranks", "random", "x-thin-open"),
    ("same budget", "same budget", "diamond-open"),
)
"""How names of controls begin, what a legend calls them, and their marks."""
_CONTROL_COLOURS = tuple(theme.CATEGORY[index] for index in (3, 4, 5, 6))


def accuracy_bars(
    state: Mapping[str, Any], before: Mapping[str, Any] | None, tasks: Sequence[str], height: int = 350
) -> go.Figure:
    """What the live recipe is judged by, accuracy or another criterion, by task and on average, with standard errors.

    An estimate from few images is pale. A hollow line marks the value of the recipe before; small marks the controls.

    Args:
        state: of `live_states`, with a row.
        before: that of the recipe before, or None.
        tasks: in the zoo's order.
    """
    few = state["stage"] == "few"
    names = [MEAN, *(task for task in tasks if task in state["row"]["tasks"])]
    name, times = "accuracy" if state["labels"] else CRITERIA[state["criterion"]].short, factor(state)
    words = f"Estimated {lower_first(name)}" if few else f"{upper_first(name)} by task"
    heading = f"{words}, {formats.count(state['images'])} images"
    fig = theme.figure(heading, y=f"{'Top-1 accuracy' if state['labels'] else name}, {unit(state)}", height=height)
    row, errors = state["row"], state["errors"]
    values = [row["average"], *(row["tasks"][name] for name in names[1:])]
    spread = [row["standard_error"], *(errors[name] for name in names[1:])]
    fig.add_bar(
        name="Estimate" if few else "Now",
        x=names,
        y=[times * value for value in values],
        marker_color=[theme.INK, *[theme.ACCENT] * (len(names) - 1)],
        opacity=ESTIMATE_OPACITY if few else 1.0,
        error_y={
            "type": "data",
            "array": [times * e for e in spread],
            "thickness": 1,
            "width": 2,
            "color": theme.MUTED,
        },
        hovertemplate=f"%{{x}}: {_number('y', state)} ± {_number('error_y.array', state)} {unit(state)}<extra></extra>",
        showlegend=False,
    )
    if before is not None:
        _add_ghost(fig, before, names)
    _add_controls(fig, state, names)
    fig.update_layout(bargap=0.35, margin={"t": theme.TITLE_HEIGHT + 26})
    fig.update_yaxes(**({"range": [0, 102]} if state["unit"] == "fraction" else {"rangemode": "tozero"}))
    fig.update_xaxes(showgrid=False)
    return fig


def comparable(state: Mapping[str, Any], before: Mapping[str, Any] | None) -> bool:
    """Whether both hold figures of one criterion on images of one split, so that their difference means something."""
    return before is not None and all(state[name] == before[name] for name in ("split", "criterion"))


def _add_ghost(fig: go.Figure, before: Mapping[str, Any], names: Sequence[str]) -> None:
    row = before["row"]
    values = [_value(row, name) for name in names]
    fig.add_scatter(
        name="before",
        x=list(names),
        y=[None if value is None else factor(before) * value for value in values],
        mode="markers",
        marker={"symbol": "line-ew-open", "size": 22, "color": theme.CATEGORY[1], "line": {"width": 2.5}},
        text=[before["name"]] * len(names),
        hovertemplate=f"before, %{{text}}: {_number('y', before)} {unit(before)}<extra></extra>",
    )


def _add_controls(fig: go.Figure, state: Mapping[str, Any], names: Sequence[str]) -> None:
    """Each control as far from the recipe's bar as both differ on the images that both have seen."""
    times = factor(state)
    gap = f"{_number('y', state)} {unit(state)}, {_number('customdata', state, '+')} {_points(state)}"
    for colour, (start, label, symbol) in zip(_CONTROL_COLOURS, _CONTROLS, strict=True):
        chosen = [control for control in state["controls"] if control["name"].startswith(start)]
        if not chosen:
            continue
        points = [(name, control) for control in chosen for name in names if _gap(control, name) is not None]
        fig.add_scatter(
            name=label,
            x=[name for name, _ in points],
            y=[
                times * ((_value(state["row"], name) or 0.0) - (_gap(control, name) or 0.0)) for name, control in points
            ],
            text=[control["name"] for _, control in points],
            customdata=[-times * (_gap(control, name) or 0.0) for name, control in points],
            mode="markers",
            marker={"symbol": symbol, "size": 8, "color": colour, "line": {"width": 1.5}},
            hovertemplate=f"%{{text}} on %{{x}}: {gap}<extra></extra>",
        )


def control_gaps(state: Mapping[str, Any], height: int = 190) -> go.Figure:
    """The recipe minus each control, with twice the paired standard error, around zero."""
    heading, times = "Better than chance? Mean minus that of each control", factor(state)
    fig = theme.figure(heading, x=f"{upper_first(_points(state))}, ± 2 SE", height=height)
    for colour, (start, label, symbol) in zip(_CONTROL_COLOURS, _CONTROLS, strict=True):
        chosen = [control for control in state["controls"] if control["name"].startswith(start)]
        fig.add_scatter(
            x=[times * control["difference"] for control in chosen],
            y=[label] * len(chosen),
            text=[control["name"] for control in chosen],
            mode="markers",
            marker={"symbol": symbol, "size": 9, "color": colour, "line": {"width": 1.5}},
            error_x={
                "type": "data",
                "array": [2 * times * c["difference_error"] for c in chosen],
                "thickness": 1,
                "width": 0,
            },
            hovertemplate=f"against %{{text}}: {_number('x', state, '+')} ± {_number('error_x.array', state)} "
            f"{_points(state)} (2 SE)<extra></extra>",
            showlegend=False,
        )
    fig.add_vline(x=0, line={"color": theme.INK, "width": 1})
    fig.update_yaxes(autorange="reversed", showgrid=False)
    return fig


def _gap(control: Mapping[str, Any], name: str) -> float | None:
    return control["difference"] if name == MEAN else control["gaps"].get(name)


def _value(row: Mapping[str, Any], name: str) -> float | None:
    return row["average"] if name == MEAN else row["tasks"].get(name)


def kept_heatmap(realised: Mapping[str, float], layers: int, height: int = 250) -> go.Figure:
    """What was really kept of each linear map of each block, for methods without row-wise keep rates."""
    cells = np.full((layers, len(LINEAR_MAPS)), np.nan)
    for block in range(layers):
        for column, name in enumerate(LINEAR_MAPS):
            cells[block, column] = 100 * realised.get(f"{BLOCK_PREFIX.format(block)}{name}", np.nan)
    fig = theme.figure("Kept of each linear map", y="Block", height=height)
    fig.add_heatmap(
        z=cells,
        x=[_TENSORS[name] for name in LINEAR_MAPS],
        y=list(range(layers)),
        zmin=0,
        zmax=100,
        colorscale=theme.SEQUENTIAL,
        colorbar=theme.colourbar("Kept, %"),
        hovertemplate="Block %{y}, %{x}: %{z:.1f} % kept<extra></extra>",
    )
    fig.update_yaxes(autorange="reversed", tickmode="linear", dtick=1 if layers <= 12 else 4, showgrid=False)
    fig.update_xaxes(showgrid=False)
    return fig


def bars_words(state: Mapping[str, Any]) -> str:
    """The message of `accuracy_bars` in words."""
    row = state["row"]
    worst = min(row["tasks"], key=row["tasks"].__getitem__)
    return (
        f"{state['name']}: {figure_words(state, row['average'], row['standard_error'])} on average, "
        f"{figure_words(state, row['worst'])} on {worst}, the worst task."
    )


def _number(name: str, state: Mapping[str, Any], sign: str = "") -> str:
    """A number of a hover text: two decimals for differences and one for values in percent, else three digits."""
    return f"%{{{name}:{sign}{('.2f' if sign else '.1f') if state['unit'] == 'fraction' else '.3g'}}}"


def _points(state: Mapping[str, Any]) -> str:
    return "points" if state["unit"] == "fraction" else str(state["unit"])
