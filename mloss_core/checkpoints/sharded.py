"""Models kept in a folder, in one file or in several that an index names, as Hugging Face's repositories are."""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from mloss_core.checkpoints.formats import INDEX_SUFFIX, REPOSITORY_FILES
from mloss_core.checkpoints.lazy import file_digest
from mloss_core.checkpoints.stored import StoredTensors
from mloss_core.errors import CheckpointError

_MAX_INDEX_BYTES = 1 << 25
_FILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")


def weight_file(path: Path) -> Path:
    """The weight file or index that a path names: itself, or the one of a repository's folder.

    Raises:
        CheckpointError: a folder without weights.
    """
    if not path.is_dir():
        return path
    for name in REPOSITORY_FILES:
        if (path / name).is_file():
            return path / name
    raise CheckpointError(f"{path} is a folder without weights: expected one of {', '.join(REPOSITORY_FILES)}.")


def source_files(path: Path) -> tuple[Path, ...]:
    """All files that a model is read from: the file itself, or an index and its shards.

    Raises:
        CheckpointError: see `read_index`.
    """
    return (path, *dict.fromkeys(read_index(path).values())) if is_index(path) else (path,)


def files_of(path: Path) -> frozenset[Path]:
    """Where all files of a model really are; of one that is gone or damaged, what its name says. For comparing only."""
    try:
        return frozenset(file.resolve() for file in source_files(weight_file(path)))
    except CheckpointError:
        return frozenset([path.resolve()])


def source_digest(path: Path) -> str:
    """SHA-256 of a weight file's bytes; of an index and all its shards, where it is one."""
    files = source_files(path)
    if len(files) == 1:
        return file_digest(path)
    digest = hashlib.sha256()
    for file in files:
        digest.update(f"{file.name}:{file_digest(file)};".encode())
    return digest.hexdigest()


def is_index(path: Path) -> bool:
    """Whether a path names an index of shards."""
    return path.name.endswith(INDEX_SUFFIX)


def read_index(path: Path) -> dict[str, Path]:
    """The shard of every tensor that an index names. Shards lie beside it: nothing outside its folder is ever read.

    Raises:
        CheckpointError: no such file, no index, or a shard that is missing or lies elsewhere.
    """
    shards: dict[str, Path] = {}
    for key, name in _weight_map(path).items():
        if not isinstance(name, str) or not _FILE_NAME.fullmatch(name):
            raise CheckpointError(f"{path.name}: shards must be plain names of files beside it; found {name!r:.80}.")
        shards[key] = path.parent / name
    for shard in dict.fromkeys(shards.values()):
        _check_shard(shard, path)
    return shards


def _weight_map(path: Path) -> Mapping[str, Any]:
    try:
        if path.exists() and not path.is_file():
            raise CheckpointError(f"an index of shards must be a regular file; {path} is none.")
        if path.stat().st_size > _MAX_INDEX_BYTES:
            raise CheckpointError(f"{path.name} is larger than any index of shards; it is something else.")
        values = json.loads(path.read_bytes(), object_pairs_hook=_once)
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path.name} must be a JSON object that names the shards: {error}.") from error
    found = values.get("weight_map") if isinstance(values, dict) else None
    if not isinstance(found, dict) or not found:
        raise CheckpointError(f'{path.name} must hold a "weight_map" from tensors to shards; found none.')
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    values = dict(pairs)
    if len(values) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{next(key for key in keys if keys.count(key) > 1)!r:.80} stands in it twice")
    return values


def _check_shard(shard: Path, index: Path) -> None:
    try:
        place = shard.resolve(strict=True)
    except (OSError, RuntimeError) as error:
        raise CheckpointError(f"{index.name}: the shard {shard.name} is missing; download all of its files.") from error
    folder = index.parent.resolve()
    # Hugging Face's cache keeps the content in blobs/ and links it from snapshots/<revision>/.
    allowed = [folder, folder.parent.parent / "blobs"] if folder.parent.name == "snapshots" else [folder]
    if place.parent not in allowed or not place.is_file():
        raise CheckpointError(f"{index.name}: the shard {shard.name} is a link out of its folder; copy the file there.")


def open_shards(index: Path, open_tensors: Callable[[Path], StoredTensors]) -> StoredTensors:
    """The tensors of all shards together, under their stored names.

    Args:
        index: the index file.
        open_tensors: opens one weight file.

    Raises:
        CheckpointError: see `read_index`; or a tensor that is missing or in two shards, or a shard that is damaged.
    """
    places = read_index(index)
    opened: dict[Path, StoredTensors] = {}
    try:
        for shard in dict.fromkeys(places.values()):
            opened[shard] = open_tensors(shard)
        _check_keys(places, opened, index)
    except BaseException:
        _close(opened)
        raise
    of = {key: opened[shard] for key, shard in places.items() if key in opened[shard].shapes}
    kinds = sorted({stored.container for stored in opened.values()})
    facts = {name: value for stored in opened.values() for name, value in stored.facts.items()}

    def read(key: str) -> Tensor:
        return of[key].read(key)

    return StoredTensors(
        shapes={key: stored.shapes[key] for key, stored in of.items()},
        dtypes={key: stored.dtypes[key] for key, stored in of.items()},
        read=read,
        read_rows=lambda key, start, stop: of[key].read_rows(key, start, stop),
        facts=facts,
        container=f"sharded {'+'.join(kinds)}",
        close=lambda: _close(opened),
        refused={key: why for stored in opened.values() for key, why in stored.refused.items()},
        check=lambda key: of[key].check(key),
    )


def _check_keys(places: Mapping[str, Path], opened: Mapping[Path, StoredTensors], index: Path) -> None:
    for key, shard in places.items():
        holders = [other.name for other, stored in opened.items() if key in stored.shapes or key in stored.refused]
        if len(holders) > 1:
            raise CheckpointError(f"{index.name}: {key} is in two shards, {holders[0]} and {holders[1]}.")
        if shard.name not in holders:
            raise CheckpointError(f"{index.name}: {key} is not in {shard.name}, where it should be.")


def _close(opened: Mapping[Path, StoredTensors]) -> None:
    for stored in opened.values():
        stored.close()
