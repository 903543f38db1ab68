"""What a pickle holds once nothing in it may be called: names, records, places in the file; and a bounded reader."""

import dataclasses
from typing import Any, BinaryIO

from mloss_core.errors import CheckpointError

MAX_STRING = 1 << 20
_WINDOW = 1 << 16


@dataclasses.dataclass(frozen=True, slots=True)
class Global:
    """The name of a class or function: two strings, never imported and never split at dots."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module}.{self.name}"


@dataclasses.dataclass(frozen=True, slots=True)
class Blob:
    """A byte literal: where it stands in the file, unread."""

    offset: int
    length: int


@dataclasses.dataclass(eq=False, slots=True)
class Pers:
    """A persistent id: how torch refers to a storage."""

    pid: Any


@dataclasses.dataclass(eq=False, slots=True)
class Obj:
    """What would have been an object: its class, the arguments, and all that was put into it."""

    cls: Global
    args: Any
    states: list = dataclasses.field(default_factory=list)
    items: list = dataclasses.field(default_factory=list)
    values: list = dataclasses.field(default_factory=list)


class Window:
    """A buffered reader of one file between two offsets; it can skip without reading."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        self._file, self._end = file, end
        self._base, self._buffer, self._at = start, b"", 0

    def tell(self) -> int:
        """Offset in the file of the next byte."""
        return self._base + self._at

    def read(self, count: int) -> bytes:
        """Exactly `count` bytes."""
        if self._at + count > len(self._buffer):
            self._fill(count)
        data = self._buffer[self._at : self._at + count]
        self._at += count
        return data

    def line(self) -> bytes:
        """Up to and without the next newline, of bounded length."""
        parts = bytearray()
        while (byte := self.read(1)) != b"\n":
            parts += byte
            if len(parts) > MAX_STRING:
                raise CheckpointError(f"a line of the pickle is over {MAX_STRING} bytes long.")
        return bytes(parts)

    def skip(self, count: int) -> None:
        """Move on without reading."""
        if self.tell() + count > self._end:
            raise CheckpointError("the pickle ends in the middle of a literal: the file was cut short.")
        if self._at + count <= len(self._buffer):
            self._at += count
            return
        self._base, self._buffer, self._at = self.tell() + count, b"", 0

    def _fill(self, count: int) -> None:
        start = self.tell()
        if start + count > self._end:
            raise CheckpointError("the pickle ends before its STOP: the file was cut short.")
        self._file.seek(start)
        size = min(max(count, _WINDOW), self._end - start)
        self._base, self._buffer, self._at = start, self._file.read(size), 0
        if len(self._buffer) < count:
            raise CheckpointError("the pickle ends before its STOP: the file was cut short.")
