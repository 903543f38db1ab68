"""One door for weight files of every format: canonical tensors, read lazily, with nothing in the file executed."""

import json
from pathlib import Path
from typing import Any

from mloss_core.checkpoints.facts import known_facts
from mloss_core.checkpoints.guarding import file_errors, guarded
from mloss_core.checkpoints.lazy import LazyCheckpoint, open_layout, open_pickled
from mloss_core.checkpoints.sharded import is_index, open_shards, weight_file
from mloss_core.checkpoints.sniffing import sniff
from mloss_core.checkpoints.stored import Refused, StoredTensors
from mloss_core.errors import CheckpointError

_SAFETENSORS_DTYPES = {
    "F32": "float32",
    "F16": "float16",
    "BF16": "bfloat16",
    "F64": "float64",
    "I64": "int64",
    "I32": "int32",
    "I16": "int16",
    "I8": "int8",
    "U8": "uint8",
    "BOOL": "bool",
}


def open_checkpoint(path: str | Path) -> LazyCheckpoint:
    """Open the image encoder of a weight file, whatever its format and its names.

    Takes a file, the index of a model in several files (`model.safetensors.index.json`), or a folder with one of those.

    Reads safetensors, torch zip and legacy files, plain pickles (state dicts and whole modules) and TorchScript
    archives, in the names of open_clip, Hugging Face CLIP and timm. Tensors come under canonical open_clip visual names
    and are read when asked for. Nothing in a file is executed or imported.

    Raises:
        CheckpointError: no such file, damaged, hostile, or without a CLIP vision tower; the message says which.
    """
    path = weight_file(Path(path))
    with file_errors(path):
        return open_layout(path, open_tensors(path))


def open_tensors(path: Path) -> StoredTensors:
    """The tensors of a weight file under their stored names, whatever model they belong to.

    Raises:
        CheckpointError: as `open_checkpoint`, but for the tower.
    """
    if is_index(path):
        with file_errors(path):
            return open_shards(path, _open_file)
    return _open_file(path)


def _open_file(path: Path) -> StoredTensors:
    with file_errors(path):
        kind = sniff(path)
        return guarded(_open_safetensors(path) if kind == "safetensors" else open_pickled(path, kind), path)


def _open_safetensors(path: Path) -> StoredTensors:
    from safetensors import SafetensorError, safe_open

    try:
        file: Any = safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise CheckpointError(f"{path.name} is damaged or cut short: {error}. Download or write it again.") from error
    slices = {key: file.get_slice(key) for key in file.offset_keys()}
    kinds = {key: part.get_dtype() for key, part in slices.items()}
    plain = [key for key, kind in kinds.items() if kind in _SAFETENSORS_DTYPES]
    return StoredTensors(
        shapes={key: tuple(slices[key].get_shape()) for key in plain},
        dtypes={key: _SAFETENSORS_DTYPES[kinds[key]] for key in plain},
        read=file.get_tensor,
        read_rows=lambda key, start, stop: slices[key][start:stop],
        facts=_own_facts(file.metadata() or {}),
        container="safetensors",
        close=lambda: None,
        refused={
            key: Refused(f"{key} is of type {kind}; only plain float tensors can be merged.")
            for key, kind in kinds.items()
            if kind not in _SAFETENSORS_DTYPES
        },
    )


def _own_facts(metadata: dict[str, str]) -> dict[str, Any]:
    """Facts that files written by this project carry: merged ones as `architecture`, converted ones as `facts`."""
    found: dict[str, Any] = {}
    for field in ("facts", "architecture"):
        try:
            facts = json.loads(metadata.get(field, "{}"))
        except (ValueError, RecursionError):
            continue
        found.update(known_facts(facts))
    return found
