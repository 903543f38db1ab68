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
from mloss_core.merging.methods import plugin_digest
from mloss_core.zoo_folders.places import folder_stamp, zoo_folder

EMBEDDED = {"demo": Path(mloss_core.__file__).parent / "demo" / "weights"}
"""Folders of the zoos that have a name of their own."""
_SAYS = ("manifest.json", "zoo.json", "zoo.yaml")
_NO_GPU = {"", "-1"}
_DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,3})?")


def zoo_name(name: str) -> str:
    """The name by which every process opens the same zoo: a folder's absolute path, whatever process was asked."""
    return name if name in EMBEDDED else str(zoo_folder(name).absolute())


def zoo_identity(name: str) -> str:
    """Digest of what a zoo says of itself and of name, size and time of its files: a change makes a new request.

    A folder that cannot be read has an identity too; opening it then says what is wrong.
    """
    folder = EMBEDDED.get(name) or zoo_folder(name)
    try:
        files = folder_stamp(folder)
        said = [hashlib.sha256(path.read_bytes()).hexdigest() for path in map(folder.joinpath, _SAYS) if path.is_file()]
    except OSError as error:
        return digest_of(str(folder), type(error).__name__)
    return digest_of(str(folder), said, files, None if name in EMBEDDED else os.environ.get("MLOSS_DATA"))


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
    """SHA-256 that two requests share exactly when one answer serves both; `params` are canonical.

    A recipe whose method comes from a plugin depends on the plugin's text as well.
    """
    plugin = plugin_of(params)
    code = CODE_VERSION if plugin is None else [CODE_VERSION, plugin]
    return digest_of("request", code, kind, dict(params), zoo_identity(params["zoo"]), lane(device))


def plugin_of(params: Mapping[str, Any]) -> str | None:
    """Digest of the plugin whose method a request's recipe names; None where no plugin has a part in it."""
    return plugin_digest(params["recipe"]["method"]) if "recipe" in params else None


@functools.cache
def _gpu_at_hand() -> bool:
    """Whether this machine shows a GPU and torch is built to use one."""
    return not importlib.metadata.version("torch").endswith("+cpu") and any(Path("/dev").glob("nvidia[0-9]*"))
