"""Devices of this machine, and which device's queue a request waits in, found without importing torch."""

import functools
import importlib.metadata
import os
import re
from pathlib import Path

from mloss_core.errors import InvalidOptionError

_NO_GPU = {"", "-1"}
_DEVICE = re.compile(r"cpu|cuda(:[0-9]{1,3})?")


def device_queue(device: str) -> str:
    """The queue that a request waits in, named by its worker's device: `auto` is the first GPU for torch, or the CPU.

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


@functools.cache
def _gpu_at_hand() -> bool:
    """Whether this machine shows a GPU and torch is built to use one."""
    return not importlib.metadata.version("torch").endswith("+cpu") and any(Path("/dev").glob("nvidia[0-9]*"))


@functools.cache
def devices() -> tuple[str, ...]:
    """Devices that encoders may run on, found without importing torch: the CPU and NVIDIA GPUs that torch can use."""
    if importlib.metadata.version("torch").endswith("+cpu"):
        return ("cpu",)
    gpus = len(list(Path("/dev").glob("nvidia[0-9]*")))
    return ("cpu", *(f"cuda:{index}" for index in range(gpus)))
