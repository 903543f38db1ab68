"""A pickle reader that yields data and nothing else.

A pickle is a program. This machine runs its stack operations and refuses to have anything to call: a class name stays
two strings, a call becomes a record of what would have been called, a byte literal becomes its place in the file.
Nothing is imported, looked up or executed, so a hostile file can at most be refused. Limits bound time and memory.
"""

import struct
from collections.abc import Callable
from typing import Any

from mloss_core.checkpoints.pickle_data import MAX_STRING, Blob, Global, Obj, Pers, Window
from mloss_core.errors import CheckpointError

MAX_OPERATIONS = 5_000_000
MAX_MEMO = 2_000_000
MAX_INT_BYTES = 64


class _Mark:
    __slots__ = ()


_MARK = _Mark()


def read_pickle(window: Window) -> tuple[Any, set[Global]]:
    """Run one pickle up to its STOP.

    Returns:
        Its value, in None, bool, int, float, str, tuple, list, dict, `Global`, `Obj`, `Pers` and `Blob`, and every
        class or function name that the pickle mentions.

    Raises:
        CheckpointError: a damaged, unknown or oversized pickle.
    """
    machine = _Machine(window)
    try:
        return machine.run(), machine.names
    except CheckpointError:
        raise
    except (ValueError, TypeError, KeyError, IndexError, struct.error, OverflowError, RecursionError) as error:
        where = window.tell()
        raise CheckpointError(f"damaged pickle near byte {where}: {type(error).__name__}.") from error


class _Machine:
    """The stack machine: `_OPERATIONS` maps an opcode to the method that runs it."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}
        self.names: set[Global] = set()

    def run(self) -> Any:
        for _ in range(MAX_OPERATIONS):
            code = self.window.read(1)
            if code == b".":
                return self._finish()
            operation = _OPERATIONS.get(code)
            if operation is None:
                raise CheckpointError(f"pickle operation {code!r} has no place in a checkpoint; nothing was run.")
            operation(self)
        raise CheckpointError(f"the pickle has over {MAX_OPERATIONS} operations.")

    def _finish(self) -> Any:
        if len(self.stack) != 1 or self.stack[0] is _MARK:
            raise CheckpointError("damaged pickle: its stack does not end with one value.")
        return self.stack[0]

    # Stack helpers -----------------------------------------------------------------------------------------------

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def pop(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise CheckpointError("damaged pickle: it takes a value from an empty stack.")
        return self.stack.pop()

    def top(self) -> Any:
        if not self.stack or self.stack[-1] is _MARK:
            raise CheckpointError("damaged pickle: it needs a value on an empty stack.")
        return self.stack[-1]

    def pop_mark(self) -> list[Any]:
        values: list[Any] = []
        while self.stack:
            value = self.stack.pop()
            if value is _MARK:
                return values[::-1]
            values.append(value)
        raise CheckpointError("damaged pickle: a mark is missing.")

    def unsigned(self, size: int) -> int:
        return int.from_bytes(self.window.read(size), "little")

    def text(self, length: int) -> str:
        if length > MAX_STRING:
            raise CheckpointError(f"a string of {length} bytes has no place in a checkpoint.")
        return self.window.read(length).decode("utf-8", "surrogatepass")

    def blob(self, length: int) -> Blob:
        offset = self.window.tell()
        self.window.skip(length)
        return Blob(offset, length)

    # Memo ----------------------------------------------------------------------------------------------------------

    def remember(self, index: int) -> None:
        if len(self.memo) >= MAX_MEMO:
            raise CheckpointError(f"the pickle remembers over {MAX_MEMO} values.")
        self.memo[index] = self.top()

    def recall(self, index: int) -> None:
        if index not in self.memo:
            raise CheckpointError("damaged pickle: it recalls a value that it never kept.")
        self.push(self.memo[index])

    # Names and records -----------------------------------------------------------------------------------------------

    def name(self, module: Any, name: Any) -> Global:
        if not isinstance(module, str) or not isinstance(name, str):
            raise CheckpointError("damaged pickle: a class name is not text.")
        found = Global(module, name)
        self.names.add(found)
        return found

    def record(self, callee: Any, args: Any) -> None:
        if not isinstance(callee, Global):
            raise CheckpointError(
                "the pickle computes what to call, which no checkpoint needs. Refused; nothing was run."
            )
        self.push(Obj(callee, args))

    def build(self) -> None:
        state, target = self.pop(), self.top()
        if not isinstance(target, Obj):
            raise CheckpointError("the pickle rewrites something that is no object. Refused; nothing was run.")
        target.states.append(state)

    def extend(self, values: list[Any]) -> None:
        target = self.top()
        if isinstance(target, Obj):
            target.values.extend(values)
        elif isinstance(target, list):
            target.extend(values)
        else:
            raise CheckpointError("damaged pickle: it appends to something that is no list.")

    def set_items(self, flat: list[Any]) -> None:
        target = self.top()
        if len(flat) % 2:
            raise CheckpointError("damaged pickle: a key without a value.")
        pairs = list(zip(flat[::2], flat[1::2], strict=True))
        if isinstance(target, Obj):
            target.items.extend(pairs)
        elif isinstance(target, dict):
            target.update((_key(key), value) for key, value in pairs)
        else:
            raise CheckpointError("damaged pickle: it sets a key of something that is no dict.")

    def dictionary(self) -> None:
        flat = self.pop_mark()
        self.push({})
        self.set_items(flat)


def _key(value: Any) -> Any:
    """A dict key that cannot run foreign hashing: scalars and tuples of them, our own records by identity."""
    if isinstance(value, (list, dict)) or (isinstance(value, tuple) and not all(_scalar(part) for part in value)):
        raise CheckpointError("damaged pickle: a list or dict used as a key.")
    return value


def _scalar(value: Any) -> bool:
    return value is None or isinstance(value, (bool, int, float, str))


def _decimal(machine: _Machine) -> None:
    line = machine.window.line()
    if line in (b"00", b"01"):
        machine.push(line == b"01")
    else:
        machine.push(_int_text(line))


def _int_text(line: bytes) -> int:
    if len(line) > 2 * MAX_INT_BYTES:
        raise CheckpointError("the pickle holds a number too large for a checkpoint.")
    return int(line.rstrip(b"L"))


def _long(machine: _Machine, size: int) -> None:
    length = machine.unsigned(size)
    if length > MAX_INT_BYTES:
        raise CheckpointError("the pickle holds a number too large for a checkpoint.")
    machine.push(int.from_bytes(machine.window.read(length), "little", signed=True))


def _protocol(machine: _Machine) -> None:
    version = machine.unsigned(1)
    if version > 5:
        raise CheckpointError(f"pickle protocol {version} is unknown; 5 is the newest.")


def _long_string(machine: _Machine) -> None:
    machine.push(machine.blob(int.from_bytes(machine.window.read(4), "little", signed=True)))


def _short_string(machine: _Machine) -> None:
    """Python 2 text: kept as text, since old module pickles name attributes with it."""
    machine.push(machine.window.read(machine.unsigned(1)).decode("latin-1"))


def _quoted(machine: _Machine) -> None:
    line = machine.window.line().strip()
    if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1] or b"\\" in line:
        raise CheckpointError("damaged pickle: a quoted string that is none.")
    machine.push(line[1:-1].decode("latin-1"))


def _inst(machine: _Machine) -> None:
    module, name = machine.window.line().decode(), machine.window.line().decode()
    args = tuple(machine.pop_mark())
    machine.record(machine.name(module, name), args)


def _obj(machine: _Machine) -> None:
    values = machine.pop_mark()
    if not values:
        raise CheckpointError("damaged pickle: an object without a class.")
    machine.record(values[0], tuple(values[1:]))


def _reduce(machine: _Machine) -> None:
    args = machine.pop()
    machine.record(machine.pop(), args)


def _newobj_ex(machine: _Machine) -> None:
    keywords, args = machine.pop(), machine.pop()
    machine.record(machine.pop(), (args, keywords))


def _stack_global(machine: _Machine) -> None:
    name, module = machine.pop(), machine.pop()
    machine.push(machine.name(module, name))


def _global(machine: _Machine) -> None:
    module, name = machine.window.line().decode(), machine.window.line().decode()
    machine.push(machine.name(module, name))


def _append(machine: _Machine) -> None:
    value = machine.pop()
    machine.extend([value])


def _set_item(machine: _Machine) -> None:
    value, key = machine.pop(), machine.pop()
    machine.set_items([key, value])


def _tuple(machine: _Machine, size: int) -> None:
    machine.push(tuple(machine.pop() for _ in range(size))[::-1])


def _pop(machine: _Machine) -> None:
    if not machine.stack:
        raise CheckpointError("damaged pickle: it takes a value from an empty stack.")
    machine.stack.pop()


def _persistent(pid: Any) -> Any:
    """torch's legacy writer names classes by `('module', class, path, source)`: keep the class, drop the source."""
    if isinstance(pid, tuple) and len(pid) >= 2 and pid[0] == "module" and isinstance(pid[1], Global):
        return pid[1]
    return Pers(pid)


def _items_after_mark(add: Callable[[_Machine, list[Any]], None]) -> Callable[[_Machine], None]:
    def run(machine: _Machine) -> None:
        values = machine.pop_mark()
        add(machine, values)

    return run


_OPERATIONS: dict[bytes, Callable[[_Machine], object]] = {
    b"(": lambda m: m.push(_MARK),
    b"0": _pop,
    b"1": lambda m: m.pop_mark() and None,
    b"2": lambda m: m.push(m.top()),
    b"F": lambda m: m.push(float(m.window.line())),
    b"I": _decimal,
    b"J": lambda m: m.push(int.from_bytes(m.window.read(4), "little", signed=True)),
    b"K": lambda m: m.push(m.unsigned(1)),
    b"M": lambda m: m.push(m.unsigned(2)),
    b"L": lambda m: m.push(_int_text(m.window.line())),
    b"\x8a": lambda m: _long(m, 1),
    b"\x8b": lambda m: _long(m, 4),
    b"N": lambda m: m.push(None),
    b"\x88": lambda m: m.push(True),
    b"\x89": lambda m: m.push(False),
    b"G": lambda m: m.push(struct.unpack(">d", m.window.read(8))[0]),
    b"P": lambda m: m.push(Pers(m.window.line().decode())),
    b"Q": lambda m: m.push(_persistent(m.pop())),
    b"S": _quoted,
    b"T": _long_string,
    b"U": _short_string,
    b"V": lambda m: m.push(m.window.line().decode("raw-unicode-escape")),
    b"X": lambda m: m.push(m.text(m.unsigned(4))),
    b"\x8c": lambda m: m.push(m.text(m.unsigned(1))),
    b"\x8d": lambda m: m.push(m.text(m.unsigned(8))),
    b"B": lambda m: m.push(m.blob(m.unsigned(4))),
    b"C": lambda m: m.push(m.blob(m.unsigned(1))),
    b"\x8e": lambda m: m.push(m.blob(m.unsigned(8))),
    b"\x96": lambda m: m.push(m.blob(m.unsigned(8))),
    b"]": lambda m: m.push([]),
    b"l": lambda m: m.push(m.pop_mark()),
    b"a": _append,
    b"e": _items_after_mark(_Machine.extend),
    b"\x8f": lambda m: m.push([]),
    b"\x90": _items_after_mark(_Machine.extend),
    b"\x91": lambda m: m.push(m.pop_mark()),
    b"}": lambda m: m.push({}),
    b"d": _Machine.dictionary,
    b"s": _set_item,
    b"u": _items_after_mark(_Machine.set_items),
    b")": lambda m: m.push(()),
    b"t": lambda m: m.push(tuple(m.pop_mark())),
    b"\x85": lambda m: _tuple(m, 1),
    b"\x86": lambda m: _tuple(m, 2),
    b"\x87": lambda m: _tuple(m, 3),
    b"p": lambda m: m.remember(_int_text(m.window.line())),
    b"q": lambda m: m.remember(m.unsigned(1)),
    b"r": lambda m: m.remember(m.unsigned(4)),
    b"\x94": lambda m: m.remember(len(m.memo)),
    b"g": lambda m: m.recall(_int_text(m.window.line())),
    b"h": lambda m: m.recall(m.unsigned(1)),
    b"j": lambda m: m.recall(m.unsigned(4)),
    b"c": _global,
    b"\x93": _stack_global,
    b"R": _reduce,
    b"\x81": _reduce,
    b"\x92": _newobj_ex,
    b"i": _inst,
    b"o": _obj,
    b"b": _Machine.build,
    b"\x80": _protocol,
    b"\x95": lambda m: m.window.skip(0) if m.unsigned(8) >= 0 else None,
}
