"""A zoo's model card, read: the rows, the curve over numbers of models and the M-Loss profile. Imports no torch."""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from mloss_core.errors import ZooError
from mloss_core.evaluation.rows import BASELINE_NAMES
from mloss_core.merging.labels import describe
from mloss_core.recipe import Recipe

MEASURED = ("accuracy", "average", "counts", "chosen", "controls", "curve", "mloss", "task_vectors")
"""Parts of a card that were measured; the rest says how the zoo was made."""
_BASELINES = {**BASELINE_NAMES, "ensemble_logits": BASELINE_NAMES["ensemble"]}
_KINDS = {"ensemble_features": "ensemble", "ensemble_logits": "ensemble"}


@dataclasses.dataclass(frozen=True)
class CardRow:
    """One way of answering, as a card has it.

    Args:
        name: its key in the card; `title` says it for people.
        kind: `zero_shot`, `merged`, `ensemble` or `individual`.
        averages: mean accuracy over tasks, by split or by number of models, fractions; `errors` their standard errors.
    """

    name: str
    title: str
    kind: str
    averages: Mapping[Any, float]
    errors: Mapping[Any, float]


@dataclasses.dataclass(frozen=True)
class CardCurve:
    """How merges of the first n models do on their n tasks.

    Args:
        split: whose images.
        counts: the n, rising.
        rows: baselines and methods with their default options, by n; from zero-shot to individual.
    """

    split: str
    counts: tuple[int, ...]
    rows: tuple[CardRow, ...]


@dataclasses.dataclass(frozen=True)
class BlockMLoss:
    """M-Loss of a block: mean over its nodes, the standard error of that, and the scale-free form."""

    block: int
    mloss: float
    standard_error: float
    normalised: float


@contextlib.contextmanager
def complete_card() -> Iterator[None]:
    """Say in one sentence what a card lacks that is read inside.

    Raises:
        ZooError: the card is not as `demo build` writes it.
    """
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ZooError(
            f"the zoo's model card is incomplete (no {error}). Run `python -m mloss_core demo card` to measure it anew."
        ) from error


@complete_card()
def rows_of_card(card: Mapping[str, Any]) -> list[CardRow]:
    """The rows of a card by split, controls left out.

    Raises:
        ZooError: see `complete_card`. UnknownNameError, InvalidOptionError: it names a method that does not exist.
    """
    recipes = card["chosen"]
    names = list(dict.fromkeys(name for rows in card["average"].values() for name in rows))
    shown = [name for name in names if name in _BASELINES or name in recipes]
    return [_row(name, recipes, card["average"]) for name in _in_order(shown)]


@complete_card()
def curve_of_card(card: Mapping[str, Any]) -> CardCurve | None:
    """The curve of a card, None where it has none; errors as in `rows_of_card`."""
    curve = card.get("curve")
    if curve is None:
        return None
    points = {int(count): rows for count, rows in curve["rows"].items()}
    counts = tuple(sorted(points))
    names = _in_order(list(points[counts[0]]))
    return CardCurve(curve["split"], counts, tuple(_row(name, curve["methods"], points) for name in names))


@complete_card()
def profile_of_card(card: Mapping[str, Any]) -> list[BlockMLoss]:
    """M-Loss by block as the card has it, empty where it has none; errors as in `rows_of_card`."""
    names = [field.name for field in dataclasses.fields(BlockMLoss)]
    return [BlockMLoss(**{name: layer[name] for name in names}) for layer in card.get("mloss", {}).get("layers", ())]


def _row(name: str, recipes: Mapping[str, Any], points: Mapping[Any, Mapping[str, Mapping[str, float]]]) -> CardRow:
    known = {place: rows[name] for place, rows in points.items() if name in rows}
    baseline = name in _BASELINES
    return CardRow(
        name=name,
        title=_BASELINES[name] if baseline else describe(Recipe.from_dict(recipes[name])),
        kind=_KINDS.get(name, name) if baseline else "merged",
        averages={place: float(values["average"]) for place, values in known.items()},
        errors={place: float(values["standard_error"]) for place, values in known.items()},
    )


def _in_order(names: list[str]) -> list[str]:
    """Zero-shot, merges, Ensembles, Individual."""
    places = {"zero_shot": 0, "ensemble_features": 2, "ensemble_logits": 3, "ensemble": 3, "individual": 4}
    return sorted(names, key=lambda name: places.get(name, 1))
