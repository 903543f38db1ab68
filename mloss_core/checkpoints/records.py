"""The second pass over a pickle's data: which records are tensors, which are modules, and what they hold."""

import dataclasses
from collections.abc import Iterator
from typing import Any

from mloss_core.checkpoints.pickle_data import Blob, Global, Obj, Pers
from mloss_core.checkpoints.stored import Refused
from mloss_core.errors import CheckpointError

DTYPES = {
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "DoubleStorage": "float64",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
}
ITEM_BYTES = {
    "float32": 4,
    "float16": 2,
    "bfloat16": 2,
    "float64": 8,
    "int64": 8,
    "int32": 4,
    "int16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
}
MAX_NODES = 20_000
MAX_DEPTH = 200
_STORAGE_MODULES = ("torch", "torch.cuda", "torch.storage")
_PLAIN = ("_rebuild_tensor", "_rebuild_tensor_v2", "_rebuild_tensor_v3")
_WRAPPED = ("_rebuild_parameter", "_rebuild_parameter_with_state")


@dataclasses.dataclass(frozen=True, slots=True)
class TensorRecord:
    """A tensor that was not read yet. `storage` is a storage key (zip, legacy) or a `Blob` (plain pickle).

    `storage_items` and `storage_bytes` are what the pickle says of its storage; -1 where it says nothing.
    """

    storage: Any
    dtype: str
    offset: int
    shape: tuple[int, ...]
    stride: tuple[int, ...]
    storage_items: int
    storage_bytes: int = -1

    @property
    def numel(self) -> int:
        """Number of entries."""
        count = 1
        for size in self.shape:
            count *= size
        return count


def class_name(value: Any) -> str:
    """`module.name` of a record's class, else an empty string."""
    return str(value.cls) if isinstance(value, Obj) else str(value) if isinstance(value, Global) else ""


def as_tensor(value: Any, name: str) -> TensorRecord | None:
    """The tensor that a record stands for, or None when it is none.

    Raises:
        CheckpointError: a tensor of a kind that cannot be merged, or one whose numbers do not fit its storage.
    """
    if not isinstance(value, Obj):
        return None
    module, function = value.cls.module, value.cls.name
    args = value.args
    if module == "torch._utils" and function in _WRAPPED and isinstance(args, tuple) and args:
        return as_tensor(args[0], name)
    if module == "torch._tensor" and function == "_rebuild_from_type_v2" and isinstance(args, tuple) and len(args) > 2:
        return as_tensor(Obj(args[0], args[2]), name) if isinstance(args[0], Global) else None
    if module == "torch._utils" and function in _PLAIN:
        return _plain_tensor(function, args, name)
    if module == "torch._utils" and function.startswith("_rebuild"):
        kind = function.removeprefix("_rebuild_").replace("_", " ")
        raise CheckpointError(f"{name} is a {kind}; only plain float tensors can be merged.")
    return None


def _plain_tensor(function: str, args: Any, name: str) -> TensorRecord:
    if not isinstance(args, tuple) or len(args) < 4:
        raise CheckpointError(f"{name}: damaged tensor record.")
    storage, offset, shape, stride = args[:4]
    key, dtype, items = _storage(storage, name)
    size = items * ITEM_BYTES[dtype] if dtype else -1
    if function == "_rebuild_tensor_v3":
        dtype = _named_dtype(args[-1] if len(args) < 8 else args[7], name)
    shape, stride = _sizes(shape, name), _sizes(stride, name)
    record = TensorRecord(key, dtype, _size(offset, name), shape, stride, items, size)
    _check_extent(record, name)
    return record


def _named_dtype(value: Any, name: str) -> str:
    dtype = value.name if isinstance(value, Global) and value.module == "torch" else ""
    if dtype not in ITEM_BYTES:
        raise CheckpointError(f"{name}: tensor type {class_name(value) or value!r} cannot be merged.")
    return dtype


def _storage(value: Any, name: str) -> tuple[Any, str, int]:
    """Key, dtype and number of items of a storage record."""
    if class_name(value) == "torch.storage._load_from_bytes" and isinstance(value.args, tuple) and len(value.args) == 1:
        if not isinstance(value.args[0], Blob):
            raise CheckpointError(f"{name}: damaged storage; re-save the file with torch.save.")
        return value.args[0], "", -1
    pid = value.pid if isinstance(value, Pers) else None
    if not isinstance(pid, tuple) or len(pid) < 5 or pid[0] != "storage" or not isinstance(pid[1], Global):
        raise CheckpointError(f"{name}: damaged storage record.")
    kind = pid[1]
    if kind.module not in _STORAGE_MODULES or (kind.name not in DTYPES and kind.name != "UntypedStorage"):
        raise CheckpointError(f"{name}: storage type {kind} cannot be merged; only plain float tensors can.")
    dtype = DTYPES.get(kind.name, "uint8")
    return str(pid[2]), dtype, _size(pid[4], name)


def _size(value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise CheckpointError(f"{name}: damaged tensor record (a size is {value!r}).")
    return value


def _sizes(value: Any, name: str) -> tuple[int, ...]:
    if isinstance(value, Obj) and class_name(value) == "torch.Size" and isinstance(value.args, tuple) and value.args:
        value = value.args[0]
    if not isinstance(value, (tuple, list)):
        raise CheckpointError(f"{name}: damaged tensor record.")
    return tuple(_size(size, name) for size in value)


def _check_extent(record: TensorRecord, name: str) -> None:
    if len(record.shape) != len(record.stride):
        raise CheckpointError(f"{name}: damaged tensor record (shape and strides differ in length).")
    if record.storage_items < 0 or record.numel == 0:
        return
    last = record.offset + sum((size - 1) * step for size, step in zip(record.shape, record.stride, strict=True))
    if last >= record.storage_items:
        raise CheckpointError(f"{name}: the tensor reaches past its storage; the file is damaged.")
    if record.numel > 4 * record.storage_items:
        raise CheckpointError(f"{name}: a tensor of {record.numel} entries over {record.storage_items} stored ones.")


def attributes(value: Any) -> dict[str, Any]:
    """What an object's state says, by attribute name; empty for anything else."""
    found: dict[str, Any] = {}
    if isinstance(value, Obj):
        for state in value.states:
            parts = state if isinstance(state, tuple) else (state,)
            for bag in parts:
                found.update({key: item for key, item in pairs(bag) if isinstance(key, str)})
    return found


def pairs(value: Any) -> list[tuple[Any, Any]]:
    """Key-value pairs of a dict or of an ordered dict's record."""
    if isinstance(value, dict):
        return list(value.items())
    if isinstance(value, Obj) and class_name(value) in {"collections.OrderedDict", "collections.defaultdict"}:
        initial = value.args[0] if isinstance(value.args, tuple) and value.args else []
        listed = [tuple(pair) for pair in initial if len(pair) == 2] if isinstance(initial, list) else []
        return [*listed, *value.items]
    return []


def strings(value: Any) -> set[str]:
    """The strings of a set, list or their records."""
    if isinstance(value, Obj):
        nested = [strings(part) for part in value.args] if isinstance(value.args, tuple) else []
        return set().union(*nested, strings(value.values))
    return {part for part in value if isinstance(part, str)} if isinstance(value, (list, tuple)) else set()


def is_module(value: Any) -> bool:
    """Whether a record is a pickled `torch.nn.Module`."""
    return isinstance(value, Obj) and "_modules" in attributes(value)


def walk_modules(root: Obj) -> Iterator[tuple[str, Obj]]:
    """Every module below `root` with its dotted name, parents first.

    Raises:
        CheckpointError: modules that contain each other, or more of them than any model has.
    """
    stack: list[tuple[str, Obj, int, frozenset[int]]] = [("", root, 0, frozenset())]
    for _ in range(MAX_NODES):
        if not stack:
            return
        name, module, depth, above = stack.pop()
        if depth > MAX_DEPTH or id(module) in above:
            raise CheckpointError(f"the modules are nested without end at {name[:80]!r}.")
        yield name, module
        children = [(key, child) for key, child in pairs(attributes(module).get("_modules")) if is_module(child)]
        inside = above | {id(module)}
        for key, child in reversed(children):
            stack.append((f"{name}.{key}" if name else str(key), child, depth + 1, inside))
    raise CheckpointError(f"the file holds over {MAX_NODES} modules.")


@dataclasses.dataclass
class Entries:
    """What a module or dict holds: the tensors, and by name what is there and cannot be read as one."""

    tensors: dict[str, TensorRecord] = dataclasses.field(default_factory=dict)
    refused: dict[str, Refused] = dataclasses.field(default_factory=dict)

    def add(self, name: str, value: Any) -> None:
        """Take an entry for what it is."""
        try:
            tensor = as_tensor(value, name)
        except CheckpointError as error:
            self.refused[name] = Refused(str(error))
            return
        if tensor is not None:
            self.tensors[name] = tensor
        else:
            self.refused[name] = Refused(f"{name} must be a tensor; it is {_what(value)}.", tensor=False)


def _what(value: Any) -> str:
    if isinstance(value, Obj):
        return f"an object of class {value.cls}"
    return "nothing" if value is None else f"a {type(value).__name__}"


def module_tensors(root: Obj) -> Entries:
    """The state dict of a pickled module, unread: parameters and persistent buffers by name."""
    found = Entries()
    for name, module in walk_modules(root):
        state = attributes(module)
        skipped = strings(state.get("_non_persistent_buffers_set", []))
        for bag in ("_parameters", "_buffers"):
            for key, value in pairs(state.get(bag)):
                if value is not None and not (bag == "_buffers" and isinstance(key, str) and key in skipped):
                    found.add(f"{name}.{key}" if name else str(key), value)
    return found


def inline_tensors(root: Any) -> Entries:
    """Tensors of a TorchScript module, whose attributes stand inline, by dotted name."""
    found = Entries()
    stack: list[tuple[str, Any, int]] = [("", root, 0)]
    for _ in range(MAX_NODES):
        if not stack:
            return found
        name, value, depth = stack.pop()
        if depth > MAX_DEPTH:
            raise CheckpointError("the modules are nested without end.")
        if class_name(value).startswith("torch._utils._rebuild"):
            found.add(name, value)
            continue
        for key, child in reversed(list(attributes(value).items())):
            if isinstance(child, Obj):
                stack.append((f"{name}.{key}" if name else key, child, depth + 1))
    raise CheckpointError(f"the file holds over {MAX_NODES} objects.")


def dict_tensors(value: Any) -> Entries:
    """The entries of a pickled state dict."""
    found = Entries()
    for key, item in pairs(value):
        if isinstance(key, str):
            found.add(key, item)
    return found
