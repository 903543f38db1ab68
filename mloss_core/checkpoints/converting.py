"""Once per file: canonical float32 safetensors in the cache, named by the digest of the file they came from."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock

from mloss_core.caching import CONVERTED, cache_root
from mloss_core.checkpoints.keeping import converted_limit, keep_within_bound, mark_used
from mloss_core.checkpoints.lazy import LazyCheckpoint
from mloss_core.checkpoints.opening import open_checkpoint
from mloss_core.checkpoints.reading import SafetensorsFile, read_safetensors
from mloss_core.checkpoints.sharded import source_digest, weight_file
from mloss_core.checkpoints.writing import SafetensorsWriter
from mloss_core.errors import CacheError, CheckpointError
from mloss_core.types import Progress, silent

CONVERTER_VERSION = 2
_FLOATS = {"float16", "bfloat16", "float32", "float64"}


@dataclasses.dataclass(frozen=True)
class Converted:
    """A converted file: where it is and what its source said.

    Args:
        path: the safetensors file in the cache.
        source_digest: SHA-256 of the source file, or of an index and its shards.
        facts: what the source told of its model: container, root class, activation, heads, normalisation, the digests
            of tensors that are no part of the tower (equal ones were not trained).
    """

    path: Path
    source_digest: str
    facts: Mapping[str, Any]

    def open(self) -> SafetensorsFile:
        """The canonical tensors, read lazily."""
        return read_safetensors(self.path)


def convert(path: str | Path, *, folder: Path | None = None, progress: Progress = silent) -> Converted:
    """Convert any supported weight file once, tensor by tensor; later calls find the result.

    Args:
        path: the weight file, or the index or folder of a model in several.
        folder: where converted files are kept; the cache by default.
        progress: told about each tensor.

    Raises:
        CheckpointError: see `open_checkpoint`; or a tensor that is not floating point.
        CacheError: the folder cannot be written.
        InvalidOptionError: see `mloss_core.checkpoints.keeping.converted_limit`.
    """
    path = weight_file(Path(path))
    with open_checkpoint(path) as source:
        digest = source_digest(path)
        kept = folder or cache_root() / CONVERTED
        if folder is None:
            converted_limit(kept)  # A bound that is none is refused before the work.
        target = kept / f"{digest}-v{CONVERTER_VERSION}.safetensors"
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(target.with_suffix(".lock")):
                if not target.exists():
                    _write(source, path, digest, target, progress)
            if folder is None:
                mark_used(target)
                keep_within_bound(kept)
        except OSError as error:
            if isinstance(error, CheckpointError):
                raise
            raise CacheError(f"cannot write {target.parent}: {error.strerror or error}.") from error
    return Converted(target, digest, _facts(target))


def _write(source: LazyCheckpoint, path: Path, digest: str, target: Path, progress: Progress) -> None:
    for name in source:
        if source.dtype(name) not in _FLOATS:
            raise CheckpointError(f"{path.name}: {name} is {source.dtype(name)}; only float tensors can be merged.")
    facts = {
        "source": path.name,
        "source_digest": digest,
        "format": source.format,
        "prefix": source.prefix,
        "dtypes": sorted({source.dtype(name) for name in source}),
        "left_out": _left_out(source),
        # What a configuration beside the file says may change without it; openers ask that again.
        **source.own_facts,
    }
    layout = {name: (torch.float32, source.shape(name)) for name in source}
    metadata = {"facts": json.dumps(facts, default=list), "converter": str(CONVERTER_VERSION)}
    with SafetensorsWriter(target, layout, metadata) as writer:
        for position, name in enumerate(writer.order):
            writer.write(name, source[name].to(torch.float32))
            progress((position + 1) / len(layout), f"{path.name}: {name}")


def _left_out(source: LazyCheckpoint) -> dict[str, str]:
    """Digests of the tensors beside the tower, by value whatever the precision: equal ones were not trained."""
    return {name: source.stored_digest(name, torch.float32) for name in source.left_out}


def _facts(target: Path) -> dict[str, Any]:
    with read_safetensors(target) as file:
        return json.loads(file.metadata["facts"])
