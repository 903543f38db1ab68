"""Figures of the views below the live part, each with its message in words."""

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from ui import theme
from ui.what_if.values import factor, unit, words

HEIGHT = 340
_GROUPS = {
    "alone": "One block",
    "prefix": "First blocks",
    "suffix": "Last blocks",
    "paper": "Papers' sets",
    "all": "All",
}
_DRAWS = {"masks": "Seed of the random masks", "images": "Draw of the unlabeled images"}
Found = Mapping[str, Any]


def _errors(found: Found, points: Sequence[Found]) -> dict[str, Any]:
    array = [factor(found) * point["standard_error"] for point in points]
    return {"type": "data", "array": array, "thickness": 1, "width": 2}


def path_figure(found: Found, tasks: Sequence[str], height: int = HEIGHT) -> go.Figure:
    """A criterion along one option: a thin line a task with its own best marked, the mean thick."""
    [axis], points = found["axes"], found["points"]
    xs = axis["values"]
    fig = theme.figure(
        f"{found['title']} along {axis['name'].replace('_', ' ')}, {unit(found)}", x=axis["name"], height=height
    )
    for place, task in enumerate(task for task in tasks if task in points[0]["tasks"]):
        colour, ys = theme.task_colour(place), [factor(found) * point["tasks"][task] for point in points]
        best = found["best_by_task"][task]
        fig.add_scatter(
            name=task,
            x=xs,
            y=ys,
            mode="lines",
            line={"color": colour, "width": 1},
            hovertemplate=f"{task} at %{{x:g}}: %{{y:.1f}} %<extra></extra>",
        )
        fig.add_scatter(
            x=[xs[best]],
            y=[ys[best]],
            mode="markers",
            marker={"color": colour, "size": 7, "symbol": "diamond"},
            hovertemplate=f"{task} is best at %{{x:g}}: %{{y:.1f}} %<extra></extra>",
            showlegend=False,
        )
    ys = [factor(found) * point["value"] for point in points]
    fig.add_scatter(
        name="Mean",
        x=xs,
        y=ys,
        mode="lines",
        line={"color": theme.INK, "width": 3},
        error_y=_errors(found, points),
        hoverinfo="skip",
    )
    hover = [f"Mean at {x:g}: {words(found, p)}<br>click to go there" for x, p in zip(xs, points, strict=True)]
    fig.add_trace(theme.click_layer(xs, ys, hover, range(len(xs))))
    return fig


def path_words(found: Found) -> str:
    """Where the mean and the tasks are best."""
    [axis], points = found["axes"], found["points"]
    best, own = points[found["best"]], found["best_by_task"]
    values = [axis["values"][place] for place in own.values()]
    same = [p["values"][0] for p in points if p["flat"] and p is not best]
    near = f" Not surely worse: {', '.join(f'{x:g}' for x in same)}." if same else ""
    return (
        f"The mean is best at {best['values'][0]:g}, {words(found, best)}; the own "
        f"best points of the tasks lie from {min(values):g} to {max(values):g}.{near}"
    )


def ablation_figure(found: Found, height: int = HEIGHT) -> go.Figure:
    """A criterion by set of blocks: one alone, the first ones, the last ones, the papers' sets, all."""
    what = "where keep rates follow M-Loss" if found["of"] == "guide" else "where the update is added"
    fig = theme.figure(f"{found['title']} by blocks {what}, {unit(found)}", height=height)
    points = found["points"]
    for place, (group, title) in enumerate(_GROUPS.items()):
        chosen = [point for point in points if point["group"] == group]
        if not chosen:
            continue
        fig.add_scatter(
            name=title,
            x=[[title] * len(chosen), [point["label"] for point in chosen]],
            y=[factor(found) * point["value"] for point in chosen],
            mode="markers",
            marker={"size": 8, "color": theme.CATEGORY[place]},
            error_y=_errors(found, chosen),
            customdata=[[points.index(point)] for point in chosen],
            hovertemplate="%{x}: %{y:.4g} ± %{error_y.array:.2g}<extra></extra>",
            showlegend=False,
        )
    fig.add_hline(y=factor(found) * points[-1]["value"], line={"color": theme.MUTED, "width": 1, "dash": "dot"})
    fig.update_xaxes(showgrid=False, tickangle=0)
    return fig


def ablation_words(found: Found) -> str:
    """The best set, and whether the sets differ at all."""
    best, points = found["points"][found["best"]], found["points"]
    same = sum(point["flat"] for point in points)
    where = f"{_GROUPS[best['group']].lower()} {best['label']}" if best["group"] != "all" else "all blocks"
    return (
        f"Best: {where}, {words(found, best)}; {same - 1} of {len(points) - 1} "
        "other sets are not surely worse. The dotted line is all blocks."
    )


def samples_figure(found: Found, height: int = HEIGHT) -> go.Figure:
    """Ranks, keep rates and the criterion by number of unlabeled images a task, as differences to the largest draw."""
    points = found["points"]
    xs, last = [point["samples"] for point in points], points[-1]
    fig = theme.figure("What still moves with more unlabeled images", x="Images a task", height=height)
    lines = (
        ("Rank correlation with the largest draw", [100 * p["rank_correlation"] for p in points], theme.CATEGORY[0]),
        ("Mean shift of keep rates, points", [100 * p["keep_rate_shift"] for p in points], theme.CATEGORY[1]),
        (f"{found['title']}, difference", [factor(found) * (p["value"] - last["value"]) for p in points], theme.INK),
    )
    for name, ys, colour in lines:
        fig.add_scatter(
            name=name,
            x=xs,
            y=ys,
            mode="lines+markers",
            line={"color": colour},
            marker={"color": colour, "size": 6},
            hovertemplate=f"{name} with %{{x}} images a task: %{{y:.2f}}<extra></extra>",
        )
    fig.update_xaxes(type="log", tickmode="array", tickvals=xs, ticktext=[str(x) for x in xs])
    return fig


def samples_words(found: Found) -> str:
    """From how many images on nothing moves any more."""
    points = found["points"]
    enough = next((p["samples"] for p in points if p["rank_correlation"] >= 0.99), points[-1]["samples"])
    spread = max(p["value"] for p in points) - min(p["value"] for p in points)
    return (
        f"From {enough} images a task on, ranks correlate with those of {points[-1]['samples']} by 0.99 or more; the "
        f"criterion moves by {factor(found) * spread:.3g} over all draws (its standard error is "
        f"{factor(found) * points[-1]['standard_error']:.2g})."
    )


def seeds_figure(found: Found, height: int = HEIGHT) -> go.Figure:
    """The criterion by seed, with the mean and one standard deviation over seeds."""
    fig = theme.figure(f"{found['title']} by seed, {unit(found)}", x="Seed", height=height)
    for place, (of, spread) in enumerate(found["spread"].items()):
        chosen, colour = [point for point in found["points"] if point["of"] == of], theme.CATEGORY[3 * place]
        fig.add_scatter(
            name=_DRAWS[of],
            x=[point["seed"] for point in chosen],
            y=[factor(found) * point["value"] for point in chosen],
            mode="markers",
            marker={"color": colour, "size": 8},
            hovertemplate="Seed %{x}: %{y:.4g}<extra></extra>",
        )
        low, high = (factor(found) * (spread["mean"] + side * spread["deviation"]) for side in (-1, 1))
        fig.add_hrect(y0=low, y1=high, fillcolor=colour, opacity=0.12, line_width=0)
    fig.update_xaxes(tickmode="linear", dtick=1)
    return fig


def seeds_words(found: Found) -> str:
    """Mean and spread over seeds."""
    parts = [
        f"{_DRAWS[of].lower()}: {factor(found) * spread['mean']:.4g} {unit(found)} with a standard deviation of "
        f"{factor(found) * spread['deviation']:.2g}"
        for of, spread in found["spread"].items()
    ]
    return f"Over seeds, {'; '.join(parts)}. The standard error from the images is not part of it."
