"""Sentences of the Theory page, computed from the numbers they are about."""

import math

from ui.formats import engineering
from ui.theory.layer import COLUMNS, ROWS, Layer
from ui.theory.node import KINKED, Draw, Node, distance_mloss, energy_share, mloss_of, opposite_share

_NOTHING = 1e-12


def joint_sentence(node: Node) -> str:
    """Where two models can disagree at all."""
    if node.shared > 1 - 1e-12:
        return "The models always agree: every input lies on the diagonal."
    if node.activation in KINKED and not node.kinked:
        return "A slope of 1 leaves no kink: both averages agree for every input."
    if node.kinked:
        return (
            f"In the tinted quadrants the models lie on different sides of the kink: {_percent(opposite_share(node))} "
            "of inputs. Elsewhere both averages agree."
            if node.models == 2
            else f"Two given models lie on different sides of the kink (tinted) for "
            f"{_percent(opposite_share(node))} of inputs. An input adds M-Loss only where some two do."
        )
    return (
        "The activation curves around 0: the gap is widest far from the diagonal, with the models on different sides."
    )


def draw_sentence(draw: Draw) -> str:
    """Both averages of one input, and their squared gap."""
    if draw.gap**2 < _NOTHING:
        return f"Both averages give {_plain(draw.merged)}: this input adds nothing to the M-Loss."
    return (
        f"Merging answers φ(mean) = {_plain(draw.merged)}, the ensemble answers the mean of φ = "
        f"{_plain(draw.ensemble)}. Squared gap {engineering(draw.gap**2)}."
    )


def angle_sentence(node: Node, value: float) -> str:
    """M-Loss now, and at half the angle."""
    if value < _NOTHING:
        return "M-Loss is 0: averaging the weights loses nothing at this node."
    half = mloss_of(node.at_angle(node.angle / 2))
    now = f"M-Loss is **{engineering(value)}** at {node.angle:.0f}°"
    if half < _NOTHING:
        return f"{now}, and nothing at half the angle."
    return f"{now}; at half the angle it would be {_times(value / half)} smaller ({engineering(half)})."


def distance_sentences(models: int, near: float, far: float) -> list[str]:
    """What moving further costs with either activation."""
    lines = []
    ratios, powers, shares = {}, {}, {}
    for name in ("relu", "gelu"):
        low, high = distance_mloss(near, models, name), distance_mloss(far, models, name)
        ratios[name], powers[name] = high / low, math.log(high / low) / math.log(far / near)
        shares[name] = (energy_share(near, models, name), energy_share(far, models, name))
    lines.append(
        f"Moving **{_times(far / near)}** as far costs **{_times(ratios['relu'])}** the M-Loss with ReLU and "
        f"**{_times(ratios['gelu'])}** with GELU: between the marks it grows like ε to the power "
        f"{powers['relu']:.1f} and {powers['gelu']:.1f}."
    )
    lines.append(
        f"As a fraction of the node's own mean square: near {_share(shares['relu'][0])} (ReLU) and "
        f"{_share(shares['gelu'][0])} (GELU), distant {_share(shares['relu'][1])} and {_share(shares['gelu'][1])}."
    )
    return lines


def row_sentences(layer: Layer, span: float) -> list[str]:
    """The most conflicted row, and what the schedule does to the layer."""
    worst, best = int(layer.mloss.argmax()), int(layer.mloss.argmin())
    first = (
        f"Node {worst} conflicts most: its rows lie {layer.angles[worst]:.0f}° apart, M-Loss "
        f"{engineering(layer.mloss[worst])}, so it keeps {layer.counts[worst]} of {COLUMNS} changes. Node {best} "
        f"conflicts least ({layer.angles[best]:.0f}°) and keeps {layer.counts[best]}."
    )
    before, after = float(layer.mloss.mean()), float(layer.trimmed_mloss.mean())
    change = (
        f"falls by {_percent(1 - after / before)}" if after < before else f"rises by {_percent(after / before - 1)}"
    )
    second = (
        f"The rows keep {_percent(float(layer.rates.mean()))} on average. M-Loss of the layer {change}, at the price "
        f"of {_percent(1 - layer.kept_energy)} of what the fine-tunes learned (squared length of their changes)."
    )
    if abs(after - before) < 1e-9 * before:
        second = "Nothing is trimmed, so M-Loss stays as it is."
    lines = [first, second]
    if span == 0:
        lines[0] = (
            f"With span 0 every row keeps the same: {layer.counts[0]} of {COLUMNS} changes. M-Loss plays no part."
        )
    empty = int((layer.counts == 0).sum())
    if empty:
        lines.append(f"{empty} of {ROWS} rows return to the pretrained encoder: nothing of their changes is kept.")
    return lines


def _percent(fraction: float) -> str:
    return f"{100 * fraction:.0f} %" if fraction >= 0.1 else f"{100 * fraction:.1f} %"


def _share(fraction: float) -> str:
    return f"{100 * fraction:.2g} %" if fraction >= 1e-4 else engineering(fraction, 2)


def _times(ratio: float) -> str:
    return f"{ratio:.1f} times" if ratio < 10 else f"{float(f'{ratio:.3g}'):,.0f} times".replace(",", "\u202f")


def _plain(value: float) -> str:
    return f"{value:.3f}".replace("-", "−") if abs(value) >= 5e-4 else "0" if value == 0 else engineering(value)
