"""What is predicted: a measured column of the table, or what follows from several of them."""

import dataclasses
import re
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from mloss_core.errors import InvalidOptionError, UnknownNameError, quoted, unknown_name
from mloss_core.mergeability.predictor.columns import is_known_metric, is_label, is_measured
from mloss_core.mergeability.predictor.tables import PairTable

Kind = Literal["normalised", "raw", "worst", "residual", "other"]
KINDS: Mapping[Kind, tuple[str, str]] = {
    "normalised": ("Normalised accuracy", "Mean over the two tasks of accuracy / accuracy of the task's own model."),
    "raw": ("Raw accuracy", "Mean accuracy of the two tasks. It mostly says how hard the tasks are."),
    "worst": ("Worst of the two", "The smaller of the two normalised accuracies."),
    "residual": (
        "Interaction residual",
        "Normalised accuracy minus what the two tasks contribute to any pair, fitted on training tasks only: what is "
        "truly about the pair.",
    ),
    "other": ("Other", "A column of the table."),
}
"""Kinds of target: title and what they are."""
PREFIXES: Mapping[str, Kind] = {"normacc": "normalised", "acc": "raw", "worst": "worst", "residual": "residual"}
_NAME = re.compile(r"(normacc|acc|worst|residual)_(.+)")
_TOLERANCE = 1e-6
_INDIVIDUAL = (("individual_a", "individual_b"), ("acc_a_individual", "acc_b_individual"))


@dataclasses.dataclass(frozen=True)
class Target:
    """What is predicted.

    Args:
        name: of the column, or derived: `worst_ties`, `residual_ties`.
        kind: a key of `KINDS`.
        method: of merging, "" for a column of another name.
        values: one a row, NaN where it is missing. For the residual these are the normalised accuracies; the task
            effects come off fold by fold.
    """

    name: str
    kind: Kind
    method: str
    values: np.ndarray


def read_target(table: PairTable, name: str, individual: Mapping[str, float] | None = None) -> Target:
    """The target of that name.

    Args:
        table: pairs with their numbers.
        name: a numeric column; or `worst_M` and `residual_M`, which follow from the columns of method M.
        individual: accuracy of each task's own model, where it is known (`individual_accuracies`).

    Raises:
        InvalidOptionError: a column of text, without numbers, with one number only, or that lacks what it follows from.
        UnknownNameError: no such target.
    """
    match = _NAME.fullmatch(name)
    kind: Kind = PREFIXES[match[1]] if match else "other"
    if re.match(r"acc_[ab]_", name):
        kind = "other"
    method = match[2] if match and kind != "other" else ""
    values = _values(table, name, kind, method, individual)
    present = values[np.isfinite(values)]
    if not len(present):
        raise InvalidOptionError(f"target {name} must hold numbers; it is empty in every row.")
    if np.ptp(present) <= 1e-12 * np.abs(present).max():
        raise InvalidOptionError(f"target {name} must differ between pairs; it is the same in all of them.")
    return Target(name, kind, method, values)


def _values(table: PairTable, name: str, kind: Kind, method: str, individual: Mapping[str, float] | None) -> np.ndarray:
    if name in table.texts:
        row, text = table.texts[name]
        raise InvalidOptionError(f"target {name} must hold numbers; row {row} has {quoted(text, 40)}.")
    if kind == "residual":
        if f"normacc_{method}" not in table.numbers:
            raise _unknown(table, name)
        return table.frame[f"normacc_{method}"].to_numpy(float)
    if name in table.numbers:
        return table.frame[name].to_numpy(float)
    if kind == "worst" and {f"acc_a_{method}", f"acc_b_{method}"} <= set(table.numbers):
        return _worst(table, method, individual)
    raise _unknown(table, name)


def _unknown(table: PairTable, name: str) -> UnknownNameError:
    return unknown_name("target", name, target_names(table) or list(table.numbers))


def _worst(table: PairTable, method: str, individual: Mapping[str, float] | None) -> np.ndarray:
    if individual is None:
        raise InvalidOptionError(
            f"worst_{method} needs the accuracy of each task's own model: columns individual_a and individual_b, or "
            f"normacc_{method} beside acc_a_{method} and acc_b_{method}, from which it follows."
        )
    first, second = sides(table, individual)
    frame = table.frame
    return np.minimum(
        frame[f"acc_a_{method}"].to_numpy(float) / first, frame[f"acc_b_{method}"].to_numpy(float) / second
    )


def sides(table: PairTable, by_task: Mapping[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """A number of each task as two numbers a row; NaN where a task has none."""
    first, second = (
        table.frame[side].map(lambda task: by_task.get(task, np.nan)).to_numpy(float) for side in ("task_a", "task_b")
    )
    return first, second


def target_names(table: PairTable) -> list[str]:
    """All targets that a table offers: per method the normalised, raw, worst and residual one; then other columns."""
    numbers = table.numbers
    names = []
    for method in methods_of(table):
        has = {kind: f"{kind}_{method}" in numbers for kind in PREFIXES}
        per_task = {f"acc_a_{method}", f"acc_b_{method}"} <= set(numbers)
        offered = {
            "normacc": has["normacc"],
            "acc": has["acc"],
            "worst": has["worst"] or (per_task and has["normacc"]),
            "residual": has["normacc"],
        }
        names += [f"{kind}_{method}" for kind, there in offered.items() if there]
    known = any(is_known_metric(name) for name in numbers)
    if not names:
        names = [name for name in numbers if not is_label(name) and not (known and is_known_metric(name))]
    return names


def methods_of(table: PairTable) -> list[str]:
    """The merging methods that were measured, in the order of their columns."""
    found = []
    for name in table.numbers:
        match = _NAME.fullmatch(name)
        if match and is_measured(name) and match[1] != "residual" and not re.match(r"acc_[ab]_", name):
            found.append(match[2])
    return [method for method in dict.fromkeys(found) if method not in ("individual", "zero_shot")]


def individual_accuracies(table: PairTable) -> dict[str, float] | None:
    """Accuracy of each task's own model, from columns `individual_a`, `individual_b` or from what follows from others.

    normacc = (acc_a / individual_a + acc_b / individual_b) / 2 is linear in the inverse accuracies, so a few pairs give
    all of them exactly.

    Returns:
        task -> accuracy; None when the table does not hold or determine them.
    """
    for names in _INDIVIDUAL:
        if set(names) <= set(table.numbers):
            return _listed(table, names)
    return _solved(table)


def _listed(table: PairTable, names: Sequence[str]) -> dict[str, float] | None:
    found: dict[str, float] = {}
    for side, name in zip(("task_a", "task_b"), names, strict=True):
        for task, value in zip(table.frame[side], table.frame[name].to_numpy(float), strict=True):
            if np.isfinite(value):
                found.setdefault(task, float(value))
    return found if set(found) == set(table.tasks) else None


def _solved(table: PairTable) -> dict[str, float] | None:
    place = {task: position for position, task in enumerate(table.tasks)}
    first, second = (table.frame[side].map(place).to_numpy(int) for side in ("task_a", "task_b"))
    equations, values = [], []
    for method in methods_of(table):
        names = [f"acc_a_{method}", f"acc_b_{method}", f"normacc_{method}"]
        if not set(names) <= set(table.numbers):
            continue
        a, b, normalised = table.frame[names].to_numpy(float).T
        rows = np.zeros((len(a), len(place)))
        rows[np.arange(len(a)), first], rows[np.arange(len(a)), second] = a, b
        whole = np.isfinite(a + b + normalised)
        equations.append(rows[whole])
        values.append(2 * normalised[whole])
    if not equations:
        return None
    system, right = np.concatenate(equations), np.concatenate(values)
    if len(system) < len(place):
        return None
    inverse, _, rank, _ = np.linalg.lstsq(system, right, rcond=None)
    wrong = rank < len(place) or (inverse <= 0).any() or np.abs(system @ inverse - right).max() > _TOLERANCE
    return None if wrong else {task: float(1 / inverse[position]) for task, position in place.items()}
