"""Pictures of near and distant fine-tunes: how fast M-Loss grows, and where along z it comes from."""

import numpy as np
import plotly.graph_objects as go

from ui import theme
from ui.formats import ACTIVATION_WORDS, engineering
from ui.theory.node import Distance, distance_angle, distance_mloss, gap_profile

COMPARED = ("relu", "gelu")
_COLOURS = {"relu": theme.CATEGORY[0], "gelu": theme.CATEGORY[1]}
_ORDERS = {"relu": "ε³", "gelu": "ε⁴"}
_FLOOR = 1e-9


def distance_figure(curves: dict[str, Distance], models: int, near: float, far: float, height: int = 350) -> go.Figure:
    """M-Loss against the disagreement, both logarithmic: a power is a straight line."""
    fig = theme.figure(
        "M-Loss against how far the fine-tunes moved",
        x="Disagreement ε, in units of the shared pre-activation",
        y="M-Loss (logarithmic)",
        height=height,
    )
    for name in COMPARED:
        word, data, colour = ACTIVATION_WORDS[name], curves[name], _COLOURS[name]
        fig.add_scatter(
            x=data.epsilon,
            y=data.exact,
            mode="lines",
            name=word,
            line={"color": colour, "width": 2},
            hovertemplate=f"{word} at ε = %{{x:.2g}}: M-Loss %{{y:.3g}}<extra></extra>",
        )
        fig.add_scatter(
            x=data.epsilon,
            y=data.leading,
            mode="lines",
            showlegend=False,
            name=f"{word}, {_ORDERS[name]}",
            line={"color": colour, "width": 1.5, "dash": "dot"},
            hovertemplate=f"{word}, {_ORDERS[name]} alone, at ε = %{{x:.2g}}: %{{y:.3g}}<extra></extra>",
        )
        values = [distance_mloss(near, models, name), distance_mloss(far, models, name)]
        fig.add_scatter(
            x=[near, far],
            y=values,
            mode="markers",
            marker={"color": colour, "size": 10},
            showlegend=False,
            text=["Near", "Distant"],
            customdata=[engineering(value) for value in values],
            hovertemplate=f"%{{text}} fine-tunes, ε = %{{x}}, {word}: M-Loss %{{customdata}}<extra></extra>",
        )
    _legend_line(fig, "leading order, ε³ or ε⁴")
    for words, place in (("near", near), ("distant", far)):
        fig.add_vline(x=place, line={"color": theme.MUTED, "width": 1, "dash": "dash"})
        fig.add_annotation(
            x=np.log10(place),
            y=0,
            yref="paper",
            text=f"{words}, {distance_angle(place):.0f}°",
            showarrow=False,
            xanchor="left",
            yanchor="bottom",
            xshift=4,
            font={"color": theme.MUTED, "size": 12},
        )
    low = float(min(curve.exact.min() for curve in curves.values()))
    high = float(max(max(curve.exact.max(), curve.leading.max()) for curve in curves.values()))
    fig.update_xaxes(type="log", range=[-2.03, 0.33], tickvals=[0.01, 0.03, 0.1, 0.3, 1, 2], fixedrange=True)
    fig.update_yaxes(
        type="log", range=[np.log10(low) - 0.3, np.log10(high) + 0.2], dtick=2, exponentformat="power", fixedrange=True
    )
    fig.update_layout(dragmode=False)
    return fig


def gap_figure(near: float, far: float, height: int = 350) -> go.Figure:
    """Squared gap of two models at m - e and m + e along the shared m, near and distant."""
    fig = theme.figure(
        "Where along z the gap comes from",
        x="Shared pre-activation m",
        y="Squared gap at m ± ε (logarithmic)",
        height=height,
    )
    for name in COMPARED:
        word = ACTIVATION_WORDS[name]
        for words, epsilon, dash in (("distant", far, "solid"), ("near", near, "dot")):
            m, gap = gap_profile(epsilon, name)
            fig.add_scatter(
                x=m,
                y=np.where(gap > _FLOOR / 1000, gap, np.nan),
                mode="lines",
                name=word,
                showlegend=dash == "solid",
                line={"color": _COLOURS[name], "width": 2 if dash == "solid" else 1.5, "dash": dash},
                hovertemplate=f"{word}, {words}, m = %{{x:.2f}}: squared gap %{{y:.3g}}<extra></extra>",
            )
    _legend_line(fig, "near")
    fig.update_xaxes(fixedrange=True)
    top = float(np.log10(max(gap_profile(far, name)[1].max() for name in COMPARED)))
    fig.update_yaxes(type="log", range=[np.log10(_FLOOR), top + 0.3], dtick=2, exponentformat="power", fixedrange=True)
    fig.update_layout(dragmode=False)
    return fig


def _legend_line(fig: go.Figure, words: str) -> None:
    """A dotted line in the legend that stands for both colours."""
    fig.add_scatter(
        x=[None], y=[None], mode="lines", name=words, line={"color": theme.MUTED, "width": 1.5, "dash": "dot"}
    )
