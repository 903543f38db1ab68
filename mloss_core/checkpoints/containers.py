"""Where the pickle and the storages of a file lie: torch zip, TorchScript, torch legacy, plain pickle."""

import dataclasses
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Any, BinaryIO

from mloss_core.checkpoints.pickle_data import Blob, Global, Pers, Window
from mloss_core.checkpoints.pickle_machine import read_pickle
from mloss_core.checkpoints.records import DTYPES, ITEM_BYTES, TensorRecord, as_tensor
from mloss_core.checkpoints.sniffing import LEGACY_MAGIC
from mloss_core.errors import CheckpointError

_LOCAL_HEADER = 30
_MAX_ENTRIES = 200_000
_CHUNK = 1 << 22


@dataclasses.dataclass(frozen=True, slots=True)
class Place:
    """Where a storage's bytes stand in the file, and what they are."""

    offset: int
    length: int
    dtype: str
    checksum: int = 0
    """CRC-32 of the bytes; 0 where the container has none."""


@dataclasses.dataclass(frozen=True)
class PickleFile:
    """A file that carries a pickle: its data tree, every name it mentions, and its storages.

    `kind` is `zip`, `torchscript`, `legacy` or `pickle`.
    """

    kind: str
    root: Any
    names: frozenset[Global]
    storages: dict[str, Place]

    def place(self, record: TensorRecord, file: BinaryIO, name: str) -> Place:
        """Where the tensor's storage lies.

        Raises:
            CheckpointError: the storage is missing, of another size than the pickle says, or too small for the tensor.
        """
        if isinstance(record.storage, Blob):
            place = _nested_storage(file, record.storage, name)
        elif record.storage in self.storages:
            place = self.storages[record.storage]
        else:
            raise CheckpointError(f"{name}: its storage {record.storage!r} is not in the file; the file is damaged.")
        # OpenAI's archives are older than the habit of writing a storage's own size.
        exact = self.kind != "torchscript"
        if exact and record.storage_bytes not in (-1, place.length):
            raise CheckpointError(
                f"{name}: its storage must have {record.storage_bytes} bytes, as the file says; it has {place.length}."
            )
        dtype = record.dtype or place.dtype
        extent = sum((size - 1) * step for size, step in zip(record.shape, record.stride, strict=True))
        needed = (record.offset + extent + 1) * ITEM_BYTES[dtype] if record.numel else 0
        if needed > place.length:
            raise CheckpointError(f"{name}: the tensor needs {needed} bytes, its storage holds {place.length}.")
        if record.numel * ITEM_BYTES[dtype] > 4 * place.length:
            raise CheckpointError(f"{name}: a tensor of {record.numel} entries over {place.length} stored bytes.")
        return dataclasses.replace(place, dtype=dtype)


def check_bytes(file: BinaryIO, place: Place, what: str) -> None:
    """Compare the bytes with their checksum, where there is one.

    Raises:
        CheckpointError: they differ.
    """
    if not place.checksum:
        return
    file.seek(place.offset)
    found, left = 0, place.length
    while left and (piece := file.read(min(left, _CHUNK))):
        found, left = zlib.crc32(piece, found), left - len(piece)
    if left or found != place.checksum:
        raise CheckpointError(f"the bytes of {what} are damaged: their checksum is another one. Download it again.")


def read_container(path: Path, kind: str) -> PickleFile:
    """Read the structure of a pickle-carrying file; no tensor is read yet.

    Raises:
        CheckpointError: damaged, cut short, or not a checkpoint.
    """
    readers = {"zip": _read_zip, "legacy": _read_legacy, "pickle": _read_plain}
    with path.open("rb") as file:
        return readers[kind](file, path)


def _read_zip(file: BinaryIO, path: Path) -> PickleFile:
    entries = _zip_entries(file, path)
    pickles = [name for name in entries if name.endswith("/data.pkl") and name.count("/") == 1]
    if len(pickles) != 1:
        raise CheckpointError(f"{path.name} is a zip archive without one data.pkl: not a PyTorch checkpoint.")
    root = pickles[0].removesuffix("data.pkl")
    if f"{root}byteorder" in entries:
        order = entries[f"{root}byteorder"]
        file.seek(order.offset)
        if file.read(min(order.length, 16)) != b"little":
            raise CheckpointError(f"{path.name} was written on a big-endian machine; re-save it on a usual one.")
    tree = entries[pickles[0]]
    check_bytes(file, tree, "data.pkl")
    value, names = read_pickle(Window(file, tree.offset, tree.offset + tree.length))
    data = f"{root}data/"
    storages = {name.removeprefix(data): place for name, place in entries.items() if name.startswith(data)}
    script = f"{root}constants.pkl" in entries or any(name.startswith(f"{root}code/") for name in entries)
    return PickleFile("torchscript" if script else "zip", value, frozenset(names), storages)


def _zip_entries(file: BinaryIO, path: Path) -> dict[str, Place]:
    """Where every stored `data*` entry lies, and the names beside them."""
    size = path.stat().st_size
    try:
        infos = zipfile.ZipFile(file).infolist()
    except (zipfile.BadZipFile, NotImplementedError, ValueError, OSError, struct.error) as error:
        raise CheckpointError(
            f"{path.name} ends early ({size / 1e6:.0f} MB; the zip directory is missing): the download was cut."
        ) from error
    if len(infos) > _MAX_ENTRIES or len({info.filename for info in infos}) != len(infos):
        raise CheckpointError(f"{path.name}: a zip archive with repeated or too many entries. Refused.")
    entries = {}
    for info in infos:
        data = info.filename.partition("/")[2].startswith("data")
        if data and (info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 1):
            raise CheckpointError(f"{path.name}: {info.filename} is compressed; re-save the file with torch.save.")
        place = entries[info.filename] = Place(_data_offset(file, info, path), info.file_size, "", info.CRC)
        if data and place.offset + place.length > size:
            raise CheckpointError(f"{path.name}: {info.filename} reaches past the end of the file: it was cut.")
    return entries


def _data_offset(file: BinaryIO, info: zipfile.ZipInfo, path: Path) -> int:
    if info.header_offset < 0:
        raise CheckpointError(f"{path.name}: a piece of the zip archive is missing; download it again.")
    file.seek(info.header_offset)
    header = file.read(_LOCAL_HEADER)
    if len(header) < _LOCAL_HEADER or not header.startswith(b"PK\x03\x04"):
        raise CheckpointError(f"{path.name}: damaged zip archive at {info.filename}.")
    name_length, extra_length = struct.unpack("<HH", header[26:30])
    return info.header_offset + _LOCAL_HEADER + name_length + extra_length


def _read_legacy(file: BinaryIO, path: Path) -> PickleFile:
    value, names, storages = _legacy_stream(file, 0, path.stat().st_size)
    return PickleFile("legacy", value, frozenset(names), storages)


def _legacy_stream(file: BinaryIO, start: int, end: int) -> tuple[Any, set[Global], dict[str, Place]]:
    """Magic, version, system facts, object and storage keys, then per key an int64 count and the bytes."""
    window = Window(file, start, end)
    names: set[Global] = set()
    values = []
    for _ in range(5):
        value, found = read_pickle(window)
        values.append(value)
        names |= found
    root, keys = values[3], values[4]
    if not isinstance(keys, list):
        raise CheckpointError("damaged checkpoint: its list of storages is missing.")
    kinds = _storage_kinds(root)
    storages, at = {}, window.tell()
    for key in map(str, keys):
        dtype = kinds.get(key)
        if dtype is None or at + 8 > end:
            raise CheckpointError("the file ends before its last storage: the download was cut.")
        file.seek(at)
        count = struct.unpack("<q", file.read(8))[0]
        length = count * ITEM_BYTES[dtype]
        if count < 0 or at + 8 + length > end:
            raise CheckpointError("the file ends before its last storage: the download was cut.")
        storages[key] = Place(at + 8, length, dtype)
        at += 8 + length
    return root, names, storages


def _storage_kinds(root: Any) -> dict[str, str]:
    """Dtype of each storage key that the data tree mentions."""
    kinds: dict[str, str] = {}
    seen: set[int] = set()
    stack = [root]
    while stack:
        value = stack.pop()
        if isinstance(value, (str, int, float, bool, type(None), Blob, Global)) or id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Pers):
            pid = value.pid
            if isinstance(pid, tuple) and len(pid) > 2 and pid[0] == "storage" and isinstance(pid[1], Global):
                kinds[str(pid[2])] = DTYPES.get(pid[1].name, "uint8")
        elif isinstance(value, dict):
            stack += value.values()
        elif isinstance(value, (list, tuple)):
            stack += value
        else:
            stack += [value.args, value.states, value.values, [item for _, item in value.items]]
    return kinds


def _read_plain(file: BinaryIO, path: Path) -> PickleFile:
    value, names = read_pickle(Window(file, 0, path.stat().st_size))
    return PickleFile("pickle", value, frozenset(names), {})


def _nested_storage(file: BinaryIO, blob: Blob, name: str) -> Place:
    """The storage inside a plain pickle's byte literal, which is a legacy stream of its own."""
    file.seek(blob.offset)
    if file.read(len(LEGACY_MAGIC)) != LEGACY_MAGIC:
        raise CheckpointError(f"{name}: its storage is in an unknown form; re-save the file with torch.save.")
    root, _, storages = _legacy_stream(file, blob.offset, blob.offset + blob.length)
    if as_tensor(root, name) is not None or not isinstance(root, Pers) or len(storages) != 1:
        raise CheckpointError(f"{name}: its storage is in an unknown form; re-save the file with torch.save.")
    return next(iter(storages.values()))
