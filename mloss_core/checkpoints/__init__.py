"""Weight files: safe lazy reading of every format, atomic streaming writing, digests of content."""

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
