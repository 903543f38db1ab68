"""Weight files: safe lazy reading of every format, atomic streaming writing, digests. Names load on first use."""

from typing import TYPE_CHECKING

from mloss_core.lazy_names import lazy_names

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

__getattr__, __dir__ = lazy_names(
    __name__,
    {
        "lazy": ("LazyCheckpoint",),
        "opening": ("open_checkpoint",),
        "reading": ("SafetensorsFile", "read_safetensors"),
        "writing": ("SafetensorsWriter", "write_safetensors"),
    },
)
