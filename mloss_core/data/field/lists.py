"""Lists that come with the field's datasets: lines, tables and numbers, each fault named with its file and line."""

import csv
from collections.abc import Sequence
from pathlib import Path

from mloss_core.data.foreign_files import AGAIN, check_regular, reading
from mloss_core.errors import DatasetError

# Rows of FER2013 hold an image as text; csv's own bound of 128 KiB is meant for less.
_LONGEST_FIELD = 2**20


def text_lines(path: Path) -> list[str]:
    """The lines of a list, without those that are empty.

    Raises:
        DatasetError: it cannot be read.
    """
    try:
        check_regular(path)
    except DatasetError as error:
        raise DatasetError(f"the list {error}") from error
    with reading(f"the list {path}", "be text"):
        return [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def csv_rows(path: Path, columns: Sequence[str], delimiter: str = ",") -> list[dict[str, str]]:
    """The chosen columns of a table, by name.

    Args:
        path: the table, with a line of names.
        columns: those that must be there.
        delimiter: what stands between them.

    Raises:
        DatasetError: it cannot be read, lacks a column or a row, or a line is too short.
    """
    check_regular(path)
    # A byte order mark, as spreadsheets write it, is no part of the first name.
    with reading(path, "be a table of text"), path.open(newline="", encoding="utf-8-sig") as file:
        csv.field_size_limit(_LONGEST_FIELD)
        rows = csv.reader(file, delimiter=delimiter)
        header = [name.strip() for name in next(rows, [])]
        listed = [(rows.line_num, row) for row in rows if row]
    lacking = [name for name in columns if name not in header]
    if lacking or not listed:
        found = ", ".join(header)[:100] or "nothing"
        words = ", ".join(columns[:-1]) + f" and {columns[-1]}" if len(columns) > 1 else columns[0]
        said = "" if delimiter == "," else f", separated by {delimiter!r}"
        raise DatasetError(f"{path} must have columns {words}{said}, and rows; found {found}. {AGAIN}")
    places = {name: header.index(name) for name in columns}
    for number, row in listed:
        if len(row) <= max(places.values()):
            raise DatasetError(f"line {number} of {path} must have {len(header)} values; found {len(row)}. {AGAIN}")
    return [{name: row[place] for name, place in places.items()} for _, row in listed]


def whole_number(text: str, path: Path) -> int:
    """The number that a list's word spells.

    Raises:
        DatasetError: it spells none.
    """
    word = text.strip()
    if not (word.isdecimal() and word.isascii() and len(word) < 10):
        raise DatasetError(f"{path} must number classes; found {word[:40]!r}. {AGAIN}")
    return int(word)
