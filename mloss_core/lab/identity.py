"""What a request's answer depends on, found without importing torch: the code, the zoo's files, the device."""

import functools
import hashlib
import importlib.metadata
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import mloss_core
from mloss_core.caching import CODE_VERSION, digest_of
from mloss_core.errors import InvalidOptionError

EMBEDDED = {"demo": Path(mloss_core.__file__).parent / "demo" / "weights"}
"""Folders of the zoos that have a name of their own."""
_NO_GPU = {"", "-1"}
_DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,3})?")


def zoo_name(name: str) -> str:
    """The name by which every process opens the same zoo: a folder's absolute path, whatever process was asked."""
    return name if name in EMBEDDED else str(Path(name).absolute())


def zoo_identity(name: str) -> str:
    """Digest of the zoo's manifest and of name, size and time of its files, so that a changed file makes a new request.

    A folder that cannot be read has an identity too; opening it then says what is wrong.
    """
    folder = EMBEDDED.get(name) or Path(name)
    files = []
    try:
        with os.scandir(folder) as found:
            for entry in found:
                if entry.is_file():
                    stat = entry.stat()
                    files.append([entry.name, stat.st_size, stat.st_mtime_ns])
        manifest = hashlib.sha256((folder / "manifest.json").read_bytes()).hexdigest()
    except OSError as error:
        manifest = type(error).__name__
    return digest_of(str(folder), manifest, sorted(files))


def lane(device: str) -> str:
    """The device whose worker serves a request: `auto` is the first GPU that torch could use, or the CPU.

    A guess from outside torch; the worker resolves `auto` itself, so a wrong one costs a second process, nothing else.

    Raises:
        InvalidOptionError: a device of another kind.
    """
    if device != "auto":
        if not _DEVICE.fullmatch(device):
            raise InvalidOptionError(f"device must be auto, cpu or cuda:N; found {device!r}.")
        return "cuda:0" if device == "cuda" else device
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "0") in _NO_GPU
    return "cuda:0" if not hidden and _gpu_at_hand() else "cpu"


def request_key(kind: str, params: Mapping[str, Any], device: str) -> str:
    """SHA-256 that two requests share exactly when one answer serves both; `params` are canonical."""
    return digest_of("request", CODE_VERSION, kind, dict(params), zoo_identity(params["zoo"]), lane(device))


@functools.cache
def _gpu_at_hand() -> bool:
    """Whether this machine shows a GPU and torch is built to use one."""
    return not importlib.metadata.version("torch").endswith("+cpu") and any(Path("/dev").glob("nvidia[0-9]*"))
