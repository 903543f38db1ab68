"""Weight files: safe lazy reading, atomic streaming writing, digests of content."""

from mloss_core.checkpoints.reading import SafetensorsFile, open_checkpoint, read_safetensors
from mloss_core.checkpoints.writing import SafetensorsWriter, write_safetensors

__all__ = ["SafetensorsFile", "SafetensorsWriter", "open_checkpoint", "read_safetensors", "write_safetensors"]
