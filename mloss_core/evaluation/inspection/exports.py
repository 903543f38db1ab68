"""The list of inspected images as CSV and as plain values."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mloss_core.evaluation.inspection.answers import Inspection

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that spreadsheets compute."""


def answers_csv(inspection: Inspection, images: "Sequence[int] | np.ndarray | None" = None) -> str:
    """One line an image: its place in the split, file, truth, and what both models answer; margins in nats.

    Names come from folders and files: one that a spreadsheet would compute, as `=1+1`, has an apostrophe before it.

    Args:
        inspection: the answers.
        images: positions, in the order of the lines; all in the split's order by default.
    """
    import pandas

    chosen = np.arange(len(inspection.index)) if images is None else np.asarray(images, int)
    records = [
        {name: _inert(value) if isinstance(value, str) else value for name, value in record.items()}
        for record in (image_record(inspection, place) for place in chosen)
    ]
    return pandas.DataFrame(records, columns=_columns(inspection)).to_csv(index=False)


def _inert(text: str) -> str:
    """The text, which no spreadsheet takes for a formula. Numbers stay."""
    if not text.startswith(_FORMULA):
        return text
    try:
        float(text)
    except ValueError:
        return f"'{text}"
    return text


def image_record(inspection: Inspection, place: int) -> dict[str, Any]:
    """What is known of one image, as plain values.

    Args:
        place: its position in the inspection.
    """
    names, truth = inspection.classes, inspection.truth
    record: dict[str, Any] = {"image": int(inspection.index[place])}
    if inspection.files:
        record["file"] = inspection.files[place]
    record["field"] = inspection.fields[inspection.field[place]]
    if truth is not None:
        record["truth"] = names[truth[place]]
    for side in ("a", "b"):
        found = inspection.answer(side)
        record |= {
            f"{side}_answer": names[found.predicted[place]],
            f"{side}_margin": round(float(found.margin[place]), 5),
            f"{side}_confidence": round(float(found.confidence[place]), 5),
        }
    return record


def _columns(inspection: Inspection) -> list[str]:
    facts = [f"{side}_{name}" for side in ("a", "b") for name in ("answer", "margin", "confidence")]
    files, truth = (["file"] if inspection.files else []), (["truth"] if inspection.labelled else [])
    return ["image", *files, "field", *truth, *facts]
