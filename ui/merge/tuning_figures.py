"""What a search for a scale or for thresholds found: its curve and its sentence, in the criterion's unit."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from mloss_core.evaluation.criteria.choice import SOURCES
from mloss_core.evaluation.criteria.records import CRITERIA
from ui import theme

SCALE = "scale"


def scale_curve(found: Mapping[str, Any]) -> go.Figure:
    """What was maximised, by scale, with standard errors; the chosen one stands out.

    That is the average accuracy on validation images, or the value of a criterion without labels.
    """
    points, unit = found["curve"], unit_of(found)
    fig = theme.figure(f"{heading(found)} by λ{unit.title}", x="Scale λ", height=230)
    normalised = ", normalised %{customdata}" if unit.labels else ""
    fig.add_scatter(
        x=[point["scale"] for point in points],
        y=[unit.factor * point[unit.value] for point in points],
        customdata=[
            "undefined" if point.get("normalised") is None else f"{100 * point['normalised']:.1f} %" for point in points
        ],
        mode="lines+markers",
        line={"color": theme.ACCENT, "width": 1.5},
        marker={"color": theme.ACCENT, "size": 6},
        error_y={
            "type": "data",
            "array": [unit.factor * point[unit.error] for point in points],
            "thickness": 1,
            "width": 2,
            "color": theme.ACCENT,
        },
        hovertemplate=f"λ %{{x:g}}: %{{y:{unit.form}}} ± %{{error_y.array:{unit.form}}}{unit.suffix}{normalised}"
        "<extra></extra>",
    )
    best = best_point(found)
    fig.add_scatter(
        x=[best["scale"]],
        y=[unit.factor * best[unit.value]],
        mode="markers",
        hoverinfo="skip",
        marker={"color": theme.CATEGORY[1], "size": 11, "symbol": "diamond"},
    )
    fig.update_layout(showlegend=False)
    return fig


def best_point(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """The point of the chosen scale."""
    return next(point for point in found["curve"] if point["scale"] == found[SCALE])


@dataclasses.dataclass(frozen=True)
class Unit:
    """How the values of a search are shown.

    Args:
        value, error: names of the numbers of a point.
        factor: from stored to shown values; form: how they are spelt; suffix: behind them.
        labels: whether they are accuracies.
    """

    value: str
    error: str
    factor: float
    form: str
    suffix: str
    labels: bool

    @property
    def title(self) -> str:
        """The unit as a title has it."""
        return f",{self.suffix}" if self.suffix else ""

    def words(self, point: Mapping[str, Any]) -> str:
        """A point's value with its error."""
        value, error = (self.factor * point[name] for name in (self.value, self.error))
        return f"{value:{self.form}} ± {error:{self.form}}{self.suffix}".replace("-", "−")


def unit_of(found: Mapping[str, Any]) -> Unit:
    """How the values of a search are shown."""
    criterion = CRITERIA[found.get("choose_by", "validation")]
    value, error = ("average", "standard_error") if criterion.labels else ("value", "value_error")
    if criterion.unit == "fraction":
        return Unit(value, error, 100.0, ".1f", " %", criterion.labels)
    return Unit(value, error, 1.0, ".3f", " nats" if criterion.unit == "nats" else "", False)


def heading(found: Mapping[str, Any]) -> str:
    """What the values are."""
    return CRITERIA[found.get("choose_by", "validation")].short


def images_of(found: Mapping[str, Any]) -> str:
    """On how many images of which kind was chosen."""
    kind = "validation images" if found.get("labels", True) else SOURCES[found["split"]]
    return f"{sum(found['counts'].values())} {kind}"


def sentence(found: Mapping[str, Any]) -> str:
    """What the search found, in words."""
    best, points, unit = best_point(found), found["curve"], unit_of(found)
    words = f"Best at λ {best['scale']:g}: {unit.words(best)} on {images_of(found)}."
    near = [
        point["scale"]
        for point in points
        if point is not best and point[unit.value] >= best[unit.value] - best[unit.error]
    ]
    if near:
        words += f" Within one standard error: λ {', '.join(f'{scale:g}' for scale in near)}."
    if found["at_the_end"]:
        words += " No λ beyond it was tried."
    if found.get("fallback"):
        words += f" Chosen by average accuracy: {found['fallback']}."
    return words


def threshold_curves(found: Mapping[str, Any]) -> go.Figure:
    """What each task's own model reaches by threshold; the chosen one of each task stands out."""
    unit = unit_of(found)
    fig = theme.figure(f"{heading(found)} by λ{unit.title}", x="Threshold λ", height=250)
    curve = {point["threshold"]: point["tasks"] for point in found["curve"]}
    for place, (task, best) in enumerate(found["thresholds"].items()):
        colour = theme.CATEGORY[place % len(theme.CATEGORY)]
        fig.add_scatter(
            x=list(curve),
            y=[unit.factor * values[task] for values in curve.values()],
            mode="lines",
            name=task,
            line={"color": colour, "width": 1.3},
            hovertemplate=f"{task} at λ %{{x:g}}: %{{y:{unit.form}}}{unit.suffix}<extra></extra>",
        )
        fig.add_scatter(
            x=[best],
            y=[unit.factor * curve[best][task]],
            mode="markers",
            showlegend=False,
            hoverinfo="skip",
            marker={"color": colour, "size": 9, "symbol": "diamond"},
        )
    fig.update_layout(showlegend=False)
    return fig


def threshold_sentence(found: Mapping[str, Any]) -> str:
    """The chosen thresholds, in words."""
    chosen = ", ".join(f"{task} {value:g}" for task, value in found["thresholds"].items())
    return f"Best on {images_of(found)}: λ {chosen}."
