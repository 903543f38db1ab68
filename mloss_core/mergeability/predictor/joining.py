"""Several tables of the same pairs as one: metrics in one file, accuracies of merges in another."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from mloss_core.errors import InvalidOptionError, quoted
from mloss_core.mergeability.predictor.columns import PAIR
from mloss_core.mergeability.predictor.tables import PairTable, other_side
from mloss_core.wording import listing


def join_tables(tables: Sequence[PairTable]) -> PairTable:
    """One table with the columns of all, for the pairs that all of them have, in the first one's order.

    A pair is the same in either order of its tasks; columns of the two sides are exchanged where needed.

    Raises:
        InvalidOptionError: no pair in common, or a column twice with different numbers.
    """
    first, *rest = tables
    for table in rest:
        first = _joined(first, table)
    return first


def _joined(one: PairTable, other: PairTable) -> PairTable:
    places = {frozenset(pair): row for row, pair in enumerate(other.frame[list(PAIR)].to_numpy())}
    wanted = [places.get(frozenset(pair), -1) for pair in one.frame[list(PAIR)].to_numpy()]
    keep = np.array([row >= 0 for row in wanted])
    if not keep.any():
        raise InvalidOptionError(
            f"tables must have pairs in common; one has {listing(list(map(quoted, one.tasks[:3])))}, the other "
            f"{listing(list(map(quoted, other.tasks[:3])))}."
        )
    left = one.frame[keep].reset_index(drop=True)
    right = other.frame.iloc[[row for row in wanted if row >= 0]].reset_index(drop=True)
    turned = (left["task_a"] != right["task_a"]).to_numpy()
    added = {}
    for name in other.numbers:
        values = np.where(turned, right[other_side(name, right.columns)], right[name]).astype(float)
        if name not in one.numbers:
            added[name] = values
        elif not np.allclose(values, left[name].to_numpy(float), rtol=1e-9, atol=0, equal_nan=True):
            raise InvalidOptionError(f"tables must agree where they meet; {quoted(name)} differs between them.")
    frame = pd.concat([left, pd.DataFrame(added)], axis=1)
    apart = len(one.frame) + len(other.frame) - 2 * int(keep.sum())
    notes = [f"{'1 pair is' if apart == 1 else f'{apart} pairs are'} in one table alone: left out."] if apart else []
    return PairTable(frame, {**other.texts, **one.texts}, (*one.notes, *other.notes, *notes))
