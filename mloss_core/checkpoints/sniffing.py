"""Which container a file is, by its first bytes; its name is never trusted."""

import struct
from pathlib import Path

from mloss_core.errors import CheckpointError

LEGACY_MAGIC = bytes.fromhex("80028a0a6cfc9c46f9206aa850192e")


def sniff(path: Path) -> str:
    """The container's kind: `safetensors`, `zip`, `legacy` or `pickle`.

    Raises:
        CheckpointError: the file is something else; the message says what it looks like and what to do.
    """
    if not path.exists():
        raise CheckpointError(f"no weight file {path}: check the path.")
    if path.is_dir():
        raise CheckpointError(f"a weight file must be a file; {path} is a folder.")
    if not path.is_file():
        raise CheckpointError(f"a weight file must be a regular file; {path} is a pipe, socket or device.")
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}.") from error
    if head.startswith(b"PK\x03\x04"):
        return "zip"
    if head.startswith(LEGACY_MAGIC):
        return "legacy"
    if len(head) > 9 and head[8:9] == b"{" and struct.unpack("<Q", head[:8])[0] <= size:
        return "safetensors"
    if len(head) > 2 and head[0] == 0x80 and 2 <= head[1] <= 5:
        return "pickle"
    raise CheckpointError(f"{path.name} {_what_it_is(head, size)}")


def _what_it_is(head: bytes, size: int) -> str:
    text = head.lstrip()[:40].lower()
    if not head:
        return "is empty: the download or the copy failed."
    if head.startswith(b"version https://git-lfs"):
        return "is a Git-LFS pointer, not weights: run git lfs pull."
    if text.startswith((b"<!doctype", b"<html", b"<?xml")):
        return (
            f"is a web page ({max(1, size // 1000)} kB), not weights: the server probably asked for confirmation or "
            "its quota is used up. Download again."
        )
    known = {b"\x93NUMPY": "a NumPy array", b"\x89HDF": "an HDF5 file", b"\x1f\x8b": "a gzip archive"}
    for magic, words in known.items():
        if head.startswith(magic):
            return f"is {words}, not a PyTorch checkpoint."
    if head[257:262] == b"ustar":
        return "is a tar archive: unpack it and open the weight file inside."
    return "is not a checkpoint: it begins like no PyTorch or safetensors file."
