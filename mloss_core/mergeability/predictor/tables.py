"""A table of pairs from a CSV file or a data frame: checked once, every fault one sentence, every mend a note."""

import csv
import dataclasses
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from mloss_core.errors import InvalidOptionError, quoted
from mloss_core.mergeability.predictor.columns import PAIR
from mloss_core.wording import listing

MAX_BYTES = 20_000_000
"""Longer files are no table of pairs."""
MAX_ROWS, MAX_COLUMNS, MAX_TASKS, MAX_NAME = 20_000, 500, 200, 200
_LARGEST = 1e100
_MISSING = ("", "na", "n/a", "nan", "null", "none", "-", "–")
_SIDES = re.compile(r"acc_([ab])(_.*)|(.*)_([ab])")


@dataclasses.dataclass(frozen=True)
class PairTable:
    """Pairs of tasks with their numbers.

    Args:
        frame: task_a, task_b, then one float column a number; missing is NaN, nothing is infinite, no pair twice.
        texts: columns that are no numbers, each with its first text and the row (1 is the first below the header).
        notes: what was left out or mended, in sentences.
    """

    frame: pd.DataFrame
    texts: dict[str, tuple[int, str]]
    notes: tuple[str, ...] = ()

    @property
    def tasks(self) -> tuple[str, ...]:
        """All tasks, in order of appearance."""
        return tuple(dict.fromkeys(task for pair in self.frame[list(PAIR)].to_numpy() for task in pair))

    @property
    def numbers(self) -> tuple[str, ...]:
        """Columns that hold numbers."""
        return tuple(name for name in self.frame.columns if name not in PAIR)


def read_table(path: str | Path) -> PairTable:
    """The table of a CSV file with columns task_a and task_b.

    Raises:
        InvalidOptionError: it cannot be read, or is no such table.
    """
    try:
        with Path(path).open("rb") as file:
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidOptionError(f"the table {path} cannot be read: {error.strerror or error}.") from error
    return parse_table(content, f"the table {path}")


def parse_table(content: bytes, what: str = "the table") -> PairTable:
    """The table in the bytes of a CSV file: UTF-8, with or without a byte order mark, commas between columns.

    Args:
        content: of the file.
        what: what it is, for messages.

    Raises:
        InvalidOptionError: too long, no text, no table, or no pairs in it.
    """
    if len(content) > MAX_BYTES:
        raise InvalidOptionError(f"{what} must be at most {MAX_BYTES // 10**6} MB; it is longer.")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidOptionError(f"{what} must be text in UTF-8; byte {error.start + 1} is none.") from error
    header, rows = _cells(text, what)
    return check_table(pd.DataFrame(rows, columns=pd.Index(header), dtype=object), what)


def _cells(text: str, what: str) -> tuple[list[str], list[list[str]]]:
    if "\0" in text:
        raise InvalidOptionError(f"{what} must be text; it holds a zero byte.")
    try:
        lines = [line for line in csv.reader(io.StringIO(text, newline=""), strict=True) if any(map(str.strip, line))]
    except csv.Error as error:
        raise InvalidOptionError(f"{what} must be CSV: {error}.") from error
    if not lines:
        raise InvalidOptionError(f"{what} must begin with a line of column names; it is empty.")
    header = [name.strip() for name in lines[0]]
    if len(header) == 1 and re.search(r"[;\t]", header[0]):
        raise InvalidOptionError(f"{what} must have commas between columns; its first line has none.")
    for number, line in enumerate(lines[1:], 1):
        if len(line) != len(header):
            raise InvalidOptionError(f"{what}: row {number} has {len(line)} cells where the header has {len(header)}.")
    return header, lines[1:]


def as_table(frame: "pd.DataFrame | PairTable") -> PairTable:
    """A table that is checked, whatever was given."""
    return frame if isinstance(frame, PairTable) else check_table(frame)


def check_table(frame: pd.DataFrame, what: str = "the table") -> PairTable:
    """Check a data frame: names, numbers, and that no pair comes twice.

    Infinite numbers count as missing; pairs of a task with itself and repeated rows are left out, with a note.

    Raises:
        InvalidOptionError: columns that are missing or named twice, tasks without a name, a pair twice with different
            numbers, no rows, or more than anyone measures.
    """
    if not isinstance(frame, pd.DataFrame):
        raise InvalidOptionError(f"{what} must be a data frame; found a {type(frame).__name__}.")
    frame = frame.reset_index(drop=True)
    frame.columns = pd.Index([str(name).strip() for name in frame.columns])
    _check_names(list(frame.columns), what)
    if not len(frame):
        raise InvalidOptionError(f"{what} must hold pairs; it has no rows.")
    if len(frame) > MAX_ROWS:
        raise InvalidOptionError(f"{what} must hold at most {MAX_ROWS:,} pairs; found {len(frame):,}.")
    notes: list[str] = []
    tasks = _tasks(frame, what)
    numbers, texts = _numbers(frame, notes)
    clean = pd.concat([tasks, numbers], axis=1)
    clean = _without_repeats(_without_self_pairs(clean, notes), notes, what)
    return PairTable(clean.reset_index(drop=True), texts, tuple(notes))


def _check_names(names: Sequence[str], what: str) -> None:
    missing = [name for name in PAIR if name not in names]
    if missing:
        found = ", ".join(quoted(name, 40) for name in names[:8])
        raise InvalidOptionError(f"{what} must have columns task_a and task_b; found {found}; no {listing(missing)}.")
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise InvalidOptionError(f"{what} must name each column once; found {quoted(twice[0])} twice.")
    if len(names) > MAX_COLUMNS:
        raise InvalidOptionError(f"{what} must have at most {MAX_COLUMNS} columns; found {len(names)}.")
    long = [name for name in names if len(name) > MAX_NAME]
    if long:
        raise InvalidOptionError(f"{what}: names of columns have at most {MAX_NAME} letters; found {quoted(long[0])}.")


def _tasks(frame: pd.DataFrame, what: str) -> pd.DataFrame:
    columns = {}
    for column in PAIR:
        values = ["" if _is_nothing(value) else " ".join(str(value).split()) for value in frame[column]]
        for row, value in enumerate(values, 1):
            if not value:
                raise InvalidOptionError(f"{what}: every row must name two tasks; row {row} has no {column}.")
            if len(value) > MAX_NAME:
                raise InvalidOptionError(
                    f"{what}: names of tasks have at most {MAX_NAME} letters; found {quoted(value)}."
                )
        columns[column] = values
    tasks = pd.DataFrame(columns, dtype=object)
    count = len(pd.unique(tasks.to_numpy().ravel()))
    if count > MAX_TASKS:
        raise InvalidOptionError(f"{what} must name at most {MAX_TASKS} tasks; found {count}.")
    return tasks


def _is_nothing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value)) or value is pd.NA


def _numbers(frame: pd.DataFrame, notes: list[str]) -> tuple[pd.DataFrame, dict[str, tuple[int, str]]]:
    """Columns of numbers, and the others with the first text in each."""
    columns: dict[str, np.ndarray] = {}
    texts: dict[str, tuple[int, str]] = {}
    for name in [name for name in frame.columns if name and name not in PAIR]:
        values, text = _column(frame[name])
        if text is not None:
            texts[name] = text
            continue
        beyond = np.abs(values) > _LARGEST
        if beyond.any():
            cells = "1 cell" if beyond.sum() == 1 else f"{int(beyond.sum())} cells"
            notes.append(f"{name}: {cells} with an infinite or absurdly large number counted as missing.")
        columns[name] = np.where(beyond, np.nan, values)
    if "" in frame.columns:
        notes.append("a column without a name was left out.")
    return pd.DataFrame(columns, index=frame.index), texts


def _column(column: pd.Series) -> tuple[np.ndarray, tuple[int, str] | None]:
    """Numbers of a column, or its first text with the row."""
    if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
        return column.to_numpy(dtype=np.float64, na_value=np.nan), None
    words = ["" if _is_nothing(value) else str(value).strip() for value in column]
    blank = [word.lower() in _MISSING for word in words]
    numbers = pd.to_numeric(pd.Series(["nan" if no else word for no, word in zip(blank, words, strict=True)]), "coerce")
    values = numbers.to_numpy(dtype=np.float64)
    for row, (word, no, value) in enumerate(zip(words, blank, values, strict=True), 1):
        if not no and np.isnan(value):
            return values, (row, word)
    return values, None


def _without_self_pairs(frame: pd.DataFrame, notes: list[str]) -> pd.DataFrame:
    same = frame["task_a"] == frame["task_b"]
    if same.any():
        count = int(same.sum())
        notes.append(f"{'1 row pairs' if count == 1 else f'{count} rows pair'} a task with itself: left out.")
    return frame[~same]


def _without_repeats(frame: pd.DataFrame, notes: list[str], what: str) -> pd.DataFrame:
    """Each pair once, whatever the order of its two tasks."""
    keys = [tuple(sorted(pair)) for pair in frame[list(PAIR)].to_numpy()]
    first: dict[tuple[str, ...], int] = {}
    keep = []
    for place, pair in enumerate(keys):
        earlier = first.setdefault(pair, place)
        if earlier == place:
            keep.append(place)
            continue
        column = _difference(frame, earlier, place)
        if column is not None:
            raise InvalidOptionError(
                f"{what} must hold each pair once; {quoted(pair[0])} with {quoted(pair[1])} is in rows "
                f"{frame.index[earlier] + 1} and {frame.index[place] + 1} with different {column}."
            )
    left_out = len(frame) - len(keep)
    if left_out:
        words = "1 row repeats" if left_out == 1 else f"{left_out} rows repeat"
        notes.append(f"{words} a pair, in either order of its tasks, with the same numbers: left out.")
    return frame.iloc[keep]


def _difference(frame: pd.DataFrame, earlier: int, later: int) -> str | None:
    """The first column in which two rows of one pair differ, sides exchanged where the tasks are."""
    one, two = frame.iloc[earlier], frame.iloc[later]
    swapped = one["task_a"] != two["task_a"]
    for name in frame.columns:
        if name in PAIR:
            continue
        a, b = one[name], two[other_side(name, frame.columns) if swapped else name]
        if not (a == b or (np.isnan(a) and np.isnan(b)) or bool(np.isclose(a, b, rtol=1e-9, atol=0))):
            return str(name)
    return None


def other_side(name: str, columns: pd.Index) -> str:
    """The column of the other task: `acc_b_ties` for `acc_a_ties`; the name itself where there is none."""
    match = _SIDES.fullmatch(name)
    if match is None:
        return name
    side = {"a": "b", "b": "a"}
    other = f"acc_{side[match[1]]}{match[2]}" if match[1] else f"{match[3]}_{side[match[4]]}"
    return other if other in columns else name
