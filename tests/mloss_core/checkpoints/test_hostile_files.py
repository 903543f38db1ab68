"""No file runs code: each hostile file is refused with a sentence and leaves no canary behind."""

import collections
import functools
import pickle
import random
import struct
from pathlib import Path

import pytest
import torch

from mloss_core.checkpoints import open_checkpoint
from mloss_core.errors import CheckpointError
from tests.checkpoint_files import legacy_with_pickle, save_module, visual, zip_with_pickle

MARK, STOP = b"(", b"."


def _global(name: str) -> bytes:
    module, _, function = name.rpartition(".")
    return b"c" + module.encode() + b"\n" + function.encode() + b"\n"


def _text(value: str) -> bytes:
    data = value.encode()
    return b"X" + struct.pack("<I", len(data)) + data


class _Touch:
    """Unpickling an instance would make a file."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        import os

        return os.system, (f"touch {self.canary}",)


def _payloads(canary: Path) -> dict[str, bytes]:
    command = f"touch {canary}"
    call = _global("os.system") + MARK + _text(command) + b"tR"
    holder = collections.OrderedDict(weight=_Touch(canary))
    return {
        "reduce at root": pickle.dumps(_Touch(canary)),
        "reduce as a value": pickle.dumps({"a": 1, "b": _Touch(canary)}),
        "reduce inside an ordered dict": pickle.dumps(holder, protocol=2),
        "reduce as an attribute": pickle.dumps(functools.partial(print, _Touch(canary)), protocol=4),
        "plain call": b"\x80\x02" + call + STOP,
        "INST": b"\x80\x02(" + _text(command) + b"ios\nsystem\n" + STOP,
        "OBJ": b"\x80\x02(" + _global("os.system") + _text(command) + b"o" + STOP,
        "dotted name": b"\x80\x04"
        + _text("torch.serialization")
        + _text("os.system")
        + b"\x93"
        + MARK
        + _text(command)
        + b"tR.",
        "builtins eval": b"\x80\x02"
        + _global("builtins.eval")
        + MARK
        + _text(f"__import__('os').system('{command}')")
        + b"tR.",
        "getattr chain": b"\x80\x02"
        + _global("builtins.getattr")
        + MARK
        + _global("os.path")
        + _text("os")
        + b"tR"
        + MARK
        + _text(command)
        + b"tR.",
        "computed callee": b"\x80\x02" + _global("collections.OrderedDict") + b")R" + b")R.",
        "BUILD on a name": b"\x80\x02" + _global("torch._utils._rebuild_tensor_v2") + b"}b.",
        "EXT1": b"\x80\x02\x82\x01.",
        "next buffer": b"\x80\x05\x97.",
        "protocol 9": b"\x80\x09N.",
        "cloudpickle": b"\x80\x02" + _global("cloudpickle.cloudpickle._make_function") + b")R.",
        "nested bytes": b"\x80\x03"
        + _global("torch.storage._load_from_bytes")
        + b"(B"
        + struct.pack("<I", len(pickle.dumps(_Touch(canary))))
        + pickle.dumps(_Touch(canary))
        + b"tR.",
        "empty": b"",
        "stack underflow": b"\x80\x02R.",
        "no stop": b"\x80\x02N",
        "leftovers": b"\x80\x02NN.",
        "huge int": b"\x80\x02\x8b" + struct.pack("<I", 4000) + b"\x01" * 4000 + b".",
        "huge text": b"\x80\x04\x8d" + struct.pack("<Q", 2 << 30) + b"x.",
        "memo never kept": b"\x80\x02h\x07.",
        "no mark": b"\x80\x02Nt.",
        "append to none": b"\x80\x02NNa.",
        "set on list": b"\x80\x02]NNs.",
        "list as key": b"\x80\x02}]Ns.",
    }


NAMES = list(_payloads(Path("canary")))


def _sane(error: CheckpointError, name: str) -> None:
    text = str(error)
    assert name in text and "\n" not in text and 20 < len(text) < 600, text
    assert "Traceback" not in text


@pytest.mark.parametrize("container", ["zip", "legacy", "plain"])
@pytest.mark.parametrize("name", NAMES)
def test_hostile_pickles_are_refused_and_nothing_runs(name: str, container: str, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    data = _payloads(canary)[name]
    path = tmp_path / "model.pt"
    if container == "zip":
        zip_with_pickle(path, data)
    elif container == "legacy":
        legacy_with_pickle(path, data)
    else:
        path.write_bytes(data)
    with pytest.raises(CheckpointError) as caught:
        open_checkpoint(path)
    _sane(caught.value, path.name)
    assert not canary.exists()


def test_the_canary_can_fire(tmp_path: Path) -> None:
    """The corpus is live: an ordinary unpickler runs it."""
    canary = tmp_path / "canary"
    pickle.loads(_payloads(canary)["reduce at root"])
    assert canary.exists()


def test_hostile_name_says_which_and_warns(tmp_path: Path) -> None:
    zip_with_pickle(tmp_path / "x.pt", _payloads(tmp_path / "canary")["plain call"])
    with pytest.raises(CheckpointError, match=r"x\.pt names os\.system, .* nothing was run\. Do not open this file"):
        open_checkpoint(tmp_path / "x.pt")


def _number(value: int) -> bytes:
    return b"J" + struct.pack("<i", value)


def _tensor_pickle(
    kind: str = "FloatStorage", items: int = 4, offset: int = 0, size: int = 2, stride: int = 1
) -> bytes:
    """A state dict of one tensor whose numbers may lie about its storage."""
    device = _text("0") + _text("cpu")
    storage = MARK + _text("storage") + _global(f"torch.{kind}") + device + _number(items) + b"tQ"
    numbers = _number(offset) + _number(size) + b"\x85" + _number(stride) + b"\x85"
    hooks = _global("collections.OrderedDict") + b")R"
    rebuilt = _global("torch._utils._rebuild_tensor_v2") + MARK + storage + numbers + b"\x89" + hooks + b"tR"
    return b"\x80\x02}" + _text("conv1.weight") + rebuilt + b"s."


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_tensor_pickle(offset=3), "reaches past its storage"),
        (_tensor_pickle(stride=9), "reaches past its storage"),
        (_tensor_pickle(stride=-1), "a size is -1"),
        (_tensor_pickle(size=1000, stride=0), "1000 entries over 4 stored"),
        (_tensor_pickle(kind="QInt8Storage"), "only plain float tensors"),
    ],
)
def test_lying_tensors_are_refused(data: bytes, words: str, tmp_path: Path) -> None:
    zip_with_pickle(tmp_path / "model.pt", data, {"0": b"\x00" * 16})
    with pytest.raises(CheckpointError, match=words):
        open_checkpoint(tmp_path / "model.pt")


def test_shared_children_bomb_is_refused(tmp_path: Path) -> None:
    """Sixty levels of a module that holds its child twice has 2^60 paths."""
    child: torch.nn.Module = torch.nn.Linear(1, 1)
    for _ in range(60):
        parent = torch.nn.Module()
        parent.left, parent.right = child, child
        child = parent
    torch.save(child, tmp_path / "bomb.pt")
    with pytest.raises(CheckpointError, match="over 20000 modules"):
        open_checkpoint(tmp_path / "bomb.pt")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"<!DOCTYPE html><html>quota</html>", "is a web page .* Download again"),
        (b"version https://git-lfs.github.com/spec/v1\noid", "is a Git-LFS pointer.*git lfs pull"),
        (b"\x93NUMPY\x01\x00", "is a NumPy array"),
        (b"\x89HDF\r\n", "is an HDF5 file"),
        (b"\x1f\x8b\x08rest", "is a gzip archive"),
        (b"hello, world", "is not a checkpoint"),
    ],
)
def test_files_that_are_no_checkpoints(content: bytes, words: str, tmp_path: Path) -> None:
    (tmp_path / "cars.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"cars\.pt " + words):
        open_checkpoint(tmp_path / "cars.pt")


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle"])
@pytest.mark.parametrize("share", [0.2, 0.6, 0.95])
def test_truncated_files_say_so(kind: str, share: float, tmp_path: Path) -> None:
    path = tmp_path / "cut.pt"
    save_module(path, visual(), kind)
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CheckpointError, match=r"cut\.pt.*(cut|early)"):
        open_checkpoint(path)


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle"])
def test_mutated_files_never_crash(kind: str, tmp_path: Path) -> None:
    """Two hundred seeded mutations a container: each opens, or is refused in one sentence; nothing else is raised."""
    path = tmp_path / "fuzz.pt"
    save_module(path, visual(), kind)
    clean, draw = path.read_bytes(), random.Random(kind)
    for _ in range(200):
        data = bytearray(clean)
        for _ in range(draw.randint(1, 6)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data)
        try:
            checkpoint = open_checkpoint(path)
            for key in checkpoint:
                checkpoint[key]
            checkpoint.close()
        except CheckpointError as error:
            _sane(error, path.name)
