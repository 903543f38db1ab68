"""The picture of the idea: one input on two paths, through the merged model and through all source models."""

import plotly.graph_objects as go

from ui import theme

_WIDTH, _HEIGHT = 100.0, 44.0


def idea_figure(models: int, height: int = 215) -> go.Figure:
    """x -> merged model -> h against x -> source models -> mean -> h', with M-Loss as the gap.

    Args:
        models: how many source models the open zoo has.
    """
    fig = theme.figure("", height=height)
    fig.update_layout(margin={"l": 0, "r": 0, "t": 0, "b": 0}, dragmode=False, hovermode=False)
    fig.update_xaxes(range=[0, _WIDTH], visible=False, fixedrange=True)
    fig.update_yaxes(range=[-2, _HEIGHT - 2], visible=False, fixedrange=True)
    _box(fig, 2, 19, 10, 25, "<i>x</i>", theme.MUTED)
    _box(fig, 24, 31, 52, 40, "merged model", theme.ROLES["merged"])
    for shift in (2, 1, 0):
        _box(fig, 24 + shift, 5 - shift, 52 + shift, 14 - shift, "", theme.ROLES["ensemble"])
    _text(fig, 38, 9.5, f"{models} source models", theme.INK)
    _box(fig, 64, 6, 78, 13, "mean", theme.ROLES["ensemble"])
    _text(fig, 95, 35.5, "<i>h</i>", theme.ROLES["merged"], 18)
    _text(fig, 95, 9.5, "<i>h′</i>", theme.ROLES["ensemble"], 18)
    for start, end in (
        ((10, 23.5), (23.5, 34)),
        ((10, 20.5), (23.5, 11)),
        ((52, 35.5), (92, 35.5)),
        ((54.5, 9.5), (63.5, 9.5)),
        ((78, 9.5), (92, 9.5)),
    ):
        _arrow(fig, start, end)
    fig.add_shape(type="line", x0=95, x1=95, y0=13.5, y1=31.5, line={"color": theme.INK, "width": 1.5, "dash": "dot"})
    _text(fig, 92.5, 22.5, "<b>M-Loss</b>: how far apart<br>the two answers are", theme.INK, anchor="right")
    _text(fig, 38, 28, "average weights, run once", theme.MUTED, 12)
    _text(fig, 38, 0.8, "run all, average answers", theme.MUTED, 12)
    return fig


def _box(fig: go.Figure, x0: float, y0: float, x1: float, y1: float, words: str, colour: str) -> None:
    fig.add_shape(type="rect", x0=x0, y0=y0, x1=x1, y1=y1, line={"color": colour, "width": 1.5}, fillcolor=theme.GROUND)
    if words:
        _text(fig, (x0 + x1) / 2, (y0 + y1) / 2, words, theme.INK)


def _text(fig: go.Figure, x: float, y: float, words: str, colour: str, size: int = 14, anchor: str = "center") -> None:
    fig.add_annotation(
        x=x, y=y, text=words, showarrow=False, font={"color": colour, "size": size}, xanchor=anchor, align=anchor
    )


def _arrow(fig: go.Figure, start: tuple[float, float], end: tuple[float, float]) -> None:
    fig.add_annotation(
        x=end[0],
        y=end[1],
        ax=start[0],
        ay=start[1],
        xref="x",
        yref="y",
        axref="x",
        ayref="y",
        text="",
        showarrow=True,
        arrowhead=2,
        arrowsize=1,
        arrowwidth=1.2,
        arrowcolor=theme.MUTED,
    )
