"""Weight files: safe lazy reading of every format, atomic streaming writing, digests. Names load on first use."""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mloss_core.checkpoints.lazy import LazyCheckpoint
    from mloss_core.checkpoints.opening import open_checkpoint
    from mloss_core.checkpoints.reading import SafetensorsFile, read_safetensors
    from mloss_core.checkpoints.writing import SafetensorsWriter, write_safetensors

__all__ = [
    "LazyCheckpoint",
    "SafetensorsFile",
    "SafetensorsWriter",
    "open_checkpoint",
    "read_safetensors",
    "write_safetensors",
]

_HOMES = {
    "lazy": ("LazyCheckpoint",),
    "opening": ("open_checkpoint",),
    "reading": ("SafetensorsFile", "read_safetensors"),
    "writing": ("SafetensorsWriter", "write_safetensors"),
}


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(importlib.import_module(f"{__name__}.{module}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
