"""Values of criteria on the screen: percent for fractions, plain numbers in their unit for the others."""

from collections.abc import Mapping
from typing import Any

from ui import formats

Found = Mapping[str, Any]


def factor(found: Found) -> float:
    """What a value is multiplied with before it is drawn."""
    return 100.0 if found["unit"] == "fraction" else 1.0


def unit(found: Found) -> str:
    """The unit of what is drawn: %, nats or cosine."""
    return "%" if found["unit"] == "fraction" else str(found["unit"])


def words(found: Found, point: Mapping[str, Any]) -> str:
    """A point's value with its standard error."""
    return figure_words(found, point["value"], point["standard_error"])


def figure_words(found: Found, value: float, error: float | None = None) -> str:
    """A value in the unit of what was found, with its standard error if there is one."""
    if found["unit"] == "fraction":
        return formats.percent(value, error)
    spread = "" if error is None else f" ± {error:.2g}"
    return f"{value:.4g}{spread} {found['unit']}".replace("-", "−")


def change_words(found: Found, change: float) -> str:
    """A difference of two values with its sign: `+1.2 points`, or in the unit."""
    if found["unit"] == "fraction":
        return f"{100 * change:+.1f} points"
    return f"{change:+.3g} {found['unit']}"


def images(found: Found) -> str:
    """So many images, and which: `512 validation images`."""
    which = "training images without labels" if found["split"] == "train" else "validation images"
    hidden = "" if found["labels"] or found["split"] == "train" else ", labels hidden"
    return f"{formats.count(sum(found['counts'].values()))} {which}{hidden}"
