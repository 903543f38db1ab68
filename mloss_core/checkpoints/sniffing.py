"""What a file is, by its first bytes; its name is never trusted."""

import struct
from pathlib import Path

from mloss_core.errors import CheckpointError

_TORCH_LEGACY = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19."
_SIGNATURES = (
    (b"PK\x03\x04", "a zip archive, as torch.save writes"),
    (_TORCH_LEGACY, "an old torch.save file"),
    (b"\x80", "a pickle"),
    (b"version https://git-lfs", "a Git LFS pointer, not the weights themselves (run 'git lfs pull')"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\x89HDF", "an HDF5 file"),
    (b"\x93NUMPY", "a NumPy array"),
    (b"<", "a web page, so the download probably failed"),
)  # fmt: skip


def sniff(path: Path) -> str:
    """`safetensors`, or words for what the file is instead.

    Raises:
        CheckpointError: the file does not exist, is a folder, is empty or cannot be read.
    """
    if not path.exists():
        raise CheckpointError(f"no weight file {path}: check the path.")
    if path.is_dir():
        raise CheckpointError(f"a weight file must be a file; {path} is a folder.")
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}.") from error
    if not head:
        raise CheckpointError(f"{path} is empty: download or write it again.")
    return _name(head, path.stat().st_size)


def _name(head: bytes, size: int) -> str:
    if len(head) > 8 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= size:
        return "safetensors"
    for signature, words in _SIGNATURES:
        if head.startswith(signature):
            return words
    return "no known weight format, or damaged"
