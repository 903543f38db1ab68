"""Which classes a model takes for which: confusion matrices of two models, their difference, an order of classes."""

from collections.abc import Sequence

import numpy as np

from mloss_core.errors import unknown_name
from mloss_core.evaluation.inspection.answers import Inspection

VIEWS = {"a": "A", "b": "B", "difference": "A minus B", "agreement": "A against B"}
"""What can be counted: the last one needs no labels, the others do."""


def views_of(inspection: Inspection) -> tuple[str, ...]:
    """The matrices that these images allow."""
    return ("a", "b", "difference") if inspection.labelled else ("agreement",)


def confusion(inspection: Inspection, view: str) -> np.ndarray:
    """Number of images by class, int (class, class).

    Args:
        inspection: the answers.
        view: of `views_of`. `a` and `b`: rows are the truth, columns that model's answers. `difference`: that of A
            minus that of B. `agreement`: rows are B's answers, columns A's.

    Raises:
        UnknownNameError: no such matrix of these images.
    """
    if view not in views_of(inspection):
        raise unknown_name("confusion matrix", view, views_of(inspection))
    if view == "difference":
        return confusion(inspection, "a") - confusion(inspection, "b")
    rows, columns = _pair(inspection, view)
    count = len(inspection.classes)
    return np.bincount(rows.astype(np.int64) * count + columns, minlength=count**2).reshape(count, count)


def cell_images(inspection: Inspection, view: str, row: int, column: int) -> np.ndarray:
    """Positions of the images behind a cell, the most decisive first.

    Of the `difference` these are the images of the row's class that exactly one of the models takes for the column's:
    those of A minus those of B is the number in the cell.
    """
    if view == "difference":
        assert inspection.truth is not None
        answers = (inspection.a.predicted == column) != (inspection.b.predicted == column)
        return inspection.by_decisiveness(np.flatnonzero((inspection.truth == row) & answers))
    rows, columns = _pair(inspection, view)
    return inspection.by_decisiveness(np.flatnonzero((rows == row) & (columns == column)))


def class_order(inspection: Inspection, most: int | None = None, keep: Sequence[int] = ()) -> np.ndarray:
    """Classes in an order that puts those side by side that the models take for each other.

    Average linkage with optimal leaf order on 1 - (confusions of the pair, both ways and by both models) / (the largest
    such number).

    Args:
        most: only so many classes, those with the most confusions.
        keep: classes that are among them in any case.
    """
    mixed = np.zeros((len(inspection.classes),) * 2)
    for view in ("a", "b") if inspection.labelled else ("agreement",):
        counted = confusion(inspection, view)
        mixed += counted + counted.T
    np.fill_diagonal(mixed, 0)
    chosen = np.arange(len(mixed))
    if most is not None and len(mixed) > most:
        weight = mixed.sum(axis=1)
        weight[list(keep)] = np.inf
        chosen = np.sort(np.argsort(-weight, kind="stable")[:most])
    return chosen[_leaves(mixed[np.ix_(chosen, chosen)])]


def _leaves(mixed: np.ndarray) -> np.ndarray:
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    if len(mixed) < 3 or mixed.max() <= 0:
        return np.arange(len(mixed))
    distance = 1 - mixed / mixed.max()
    np.fill_diagonal(distance, 0)
    return leaves_list(linkage(squareform(distance, checks=False), method="average", optimal_ordering=True))


def _pair(inspection: Inspection, view: str) -> tuple[np.ndarray, np.ndarray]:
    """Class of the row and of the column of each image."""
    if inspection.truth is None:
        return inspection.b.predicted, inspection.a.predicted
    return inspection.truth, inspection.answer(view).predicted
