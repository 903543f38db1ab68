"""The list of inspected images as CSV and as plain values."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from mloss_core.evaluation.inspection.answers import Inspection


def answers_csv(inspection: Inspection, images: "Sequence[int] | np.ndarray | None" = None) -> str:
    """One line an image: its place in the split, file, truth, and what both models answer; margins in nats.

    Args:
        inspection: the answers.
        images: positions, in the order of the lines; all in the split's order by default.
    """
    import pandas

    chosen = np.arange(len(inspection.index)) if images is None else np.asarray(images, int)
    return pandas.DataFrame([image_record(inspection, place) for place in chosen], columns=_columns(inspection)).to_csv(
        index=False
    )


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
