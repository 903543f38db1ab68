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
    if found["unit"] == "fraction":
        return formats.percent(point["value"], point["standard_error"])
    return f"{point['value']:.4g} ± {point['standard_error']:.2g} {found['unit']}".replace("-", "−")


def images(found: Found) -> str:
    """So many images, and which: `512 validation images`."""
    which = "training images without labels" if found["split"] == "train" else "validation images"
    hidden = "" if found["labels"] or found["split"] == "train" else ", labels hidden"
    return f"{formats.count(sum(found['counts'].values()))} {which}{hidden}"
