"""A zoo's model card in a terminal: accuracies, the curve over numbers of models, and the M-Loss profile."""

from collections.abc import Iterator, Mapping
from typing import Any

from mloss_core.cli.common import table
from mloss_core.evaluation.cards import CardCurve, CardRow, curve_of_card, profile_of_card, rows_of_card
from mloss_core.wording import SPLITS

_MEASURED = ("val", "test")


def card_text(card: Mapping[str, Any]) -> str:
    """The tables of a card, each under a line that says what it shows; empty for a zoo without one."""
    return "\n\n".join(_tables(card)) if "average" in card else ""


def _tables(card: Mapping[str, Any]) -> Iterator[str]:
    splits = [split for split in _MEASURED if split in card["average"]]
    rows = [[row.title, *(_cell(row, split) for split in splits)] for row in rows_of_card(card)]
    head = "model card: accuracy in percent, mean of the tasks ± standard error"
    yield f"{head}\n{table(['model', *(SPLITS[split] for split in splits)], rows)}"
    if (curve := curve_of_card(card)) is not None:
        yield _curve(curve)
    if profile := profile_of_card(card):
        header = ["block", "M-Loss x 1e-6", "normalised x 1e-3"]
        lines = [
            [str(one.block), f"{1e6 * one.mloss:.3f} ± {1e6 * one.standard_error:.3f}", f"{1e3 * one.normalised:.2f}"]
            for one in profile
        ]
        yield f"M-Loss of the Simple Average by block, {card['mloss']['images']} images\n{table(header, lines)}"


def _curve(curve: CardCurve) -> str:
    header = ["models", *(row.title for row in curve.rows)]
    lines = [[str(count), *(_cell(row, count) for row in curve.rows)] for count in curve.counts]
    return f"the first models merged, default options, {SPLITS[curve.split]} images\n{table(header, lines)}"


def _cell(row: CardRow, place: Any) -> str:
    return f"{100 * row.averages[place]:.1f} ± {100 * row.errors[place]:.1f}" if place in row.averages else "-"
