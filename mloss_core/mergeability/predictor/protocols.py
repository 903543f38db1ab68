"""How pairs are split into those that a predictor is fitted on and those that it is held against."""

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np

from mloss_core.errors import InvalidOptionError, unknown_name

LEAST_TRAINING = 3
"""Pairs that a fit needs."""


@dataclasses.dataclass(frozen=True)
class PairRows:
    """Which tasks the rows of a table pair.

    Args:
        tasks: names, in order of appearance.
        first, second: place of each row's tasks among them, as int (row,).
    """

    tasks: tuple[str, ...]
    first: np.ndarray
    second: np.ndarray

    def holding(self, task: int) -> np.ndarray:
        """Which rows hold a task, as bool (row,)."""
        return (self.first == task) | (self.second == task)

    def within(self, tasks: np.ndarray) -> np.ndarray:
        """Which rows hold none but these tasks, as bool (row,)."""
        return np.isin(self.first, tasks) & np.isin(self.second, tasks)

    def only(self, rows: np.ndarray) -> "PairRows":
        """The same tasks with some of the rows."""
        return PairRows(self.tasks, self.first[rows], self.second[rows])


def pair_rows(pairs: np.ndarray) -> PairRows:
    """The rows of names (row, 2)."""
    tasks = tuple(dict.fromkeys(str(task) for pair in pairs for task in pair))
    place = {task: position for position, task in enumerate(tasks)}
    first, second = (np.array([place[str(pair[side])] for pair in pairs], dtype=int) for side in (0, 1))
    return PairRows(tasks, first, second)


@dataclasses.dataclass(frozen=True)
class Fold:
    """One fit and what it is held against.

    Args:
        label: names it: the task left out, the pair left out, or the number of a split.
        train, validate: rows, as int.
        unseen: tasks of the validation rows that no training row holds.
    """

    label: str
    train: np.ndarray
    validate: np.ndarray
    unseen: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Protocol:
    """A way to split.

    Args:
        name: its key in `PROTOCOLS`; title: for people.
        summary: one sentence: what is left out, and what question that asks.
        least: tasks that it needs.
        pools: each fold has one validation row, so that a correlation exists over all folds together alone.
        partners: whether one task of each validation pair is in training, so that its additive effect is known.
        split: rows, number of splits, seed -> folds.
    """

    name: str
    title: str
    summary: str
    least: int
    pools: bool
    partners: bool
    split: Callable[[PairRows, int, int], list[Fold]]


def _leave_one_task_out(rows: PairRows, splits: int, seed: int) -> list[Fold]:
    return [_fold(rows, name, ~rows.holding(task), rows.holding(task)) for task, name in enumerate(rows.tasks)]


def _leave_two_tasks_out(rows: PairRows, splits: int, seed: int) -> list[Fold]:
    folds = []
    for row, (first, second) in enumerate(zip(rows.first, rows.second, strict=True)):
        mine = np.arange(len(rows.first)) == row
        label = f"{rows.tasks[first]} + {rows.tasks[second]}"
        folds.append(_fold(rows, label, ~(rows.holding(first) | rows.holding(second)), mine))
    return folds


def _disjoint_halves(rows: PairRows, splits: int, seed: int) -> list[Fold]:
    folds = []
    for number, generator in enumerate(np.random.default_rng(seed).spawn(splits), 1):
        order = generator.permutation(len(rows.tasks))
        half = (len(order) + 1) // 2
        folds.append(_fold(rows, f"split {number}", rows.within(order[:half]), rows.within(order[half:])))
    return folds


def _fold(rows: PairRows, label: str, train: np.ndarray, validate: np.ndarray) -> Fold:
    seen = set(rows.first[train]) | set(rows.second[train])
    held = {*rows.first[validate], *rows.second[validate]} - seen
    unseen = tuple(rows.tasks[task] for task in sorted(held))
    return Fold(label, np.flatnonzero(train), np.flatnonzero(validate), unseen)


PROTOCOLS: Mapping[str, Protocol] = MappingProxyType(
    {
        protocol.name: protocol
        for protocol in (
            Protocol(
                name="loto",
                title="Leave one task out",
                summary="Each task is left out once: fitted on all pairs without it, held against the pairs that hold "
                "it. Asks with which of the known models a new one can be merged.",
                least=4,
                pools=False,
                partners=True,
                split=_leave_one_task_out,
            ),
            Protocol(
                name="l2to",
                title="Leave two tasks out",
                summary="Each pair is left out once with everything that holds either task. Asks whether two new "
                "models go together; one correlation over all pairs.",
                least=5,
                pools=True,
                partners=False,
                split=_leave_two_tasks_out,
            ),
            Protocol(
                name="disjoint",
                title="Disjoint halves",
                summary="Tasks are split at random into two halves: fitted on the pairs of one, held against the pairs "
                "of the other. Asks whether what was learned carries over to other tasks.",
                least=6,
                pools=False,
                partners=False,
                split=_disjoint_halves,
            ),
        )
    }
)
"""Protocols by name."""


def get_protocol(name: str) -> Protocol:
    """The protocol of that name.

    Raises:
        UnknownNameError: no such protocol.
    """
    if name not in PROTOCOLS:
        raise unknown_name("protocol", name, tuple(PROTOCOLS))
    return PROTOCOLS[name]


def folds_of(rows: PairRows, protocol: Protocol, splits: int = 20, seed: int = 0) -> list[Fold]:
    """The folds of a protocol that can be fitted and held against something.

    Args:
        rows: pairs of the table.
        protocol: how to split.
        splits: number of random splits, for `disjoint`.
        seed: of random splits.

    Raises:
        InvalidOptionError: fewer tasks than it needs, or no fold with three pairs to fit on and one to predict.
    """
    if len(rows.tasks) < protocol.least:
        raise InvalidOptionError(
            f"{protocol.name} needs pairs of at least {protocol.least} tasks; the usable rows hold {len(rows.tasks)}: "
            f"{', '.join(rows.tasks)}."
        )
    folds = protocol.split(rows, splits, seed)
    usable = [fold for fold in folds if len(fold.validate) and len(fold.train) >= LEAST_TRAINING]
    if not usable:
        most = max((len(fold.train) for fold in folds), default=0)
        raise InvalidOptionError(
            f"{protocol.name} needs at least {LEAST_TRAINING} pairs to fit on and one to predict; no fold has them, "
            f"the largest has {most} to fit on."
        )
    return usable
