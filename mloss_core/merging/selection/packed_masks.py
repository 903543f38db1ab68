"""The masks of a merge with one model a task as one small file: a bit an entry and task.

With the pretrained model and the shared update (for TALL and magnitude masks Task Arithmetic of scale 1) they are all
that is needed to have every task's model. A `.npz` holds `manifest`, JSON as bytes, and `task_0`, `task_1` ..: masks of
all tensors in the manifest's order, each packed into whole bytes, the first entry in the highest bit.
"""

import dataclasses
import io
import itertools
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from mloss_core.errors import CacheError, CheckpointError, InvalidOptionError, unknown_name
from mloss_core.lazy_state import LazyState
from mloss_core.leftovers import write_atomically
from mloss_core.merging.results import MergedWeights, MergeResult
from mloss_core.types import Progress, StateDict, silent

FORMAT, VERSION = "mloss_core masks", 1
SUFFIX = ".npz"
_MANIFEST = "manifest"


@dataclasses.dataclass(frozen=True)
class PackedMasks:
    """Masks as a file holds them.

    Args:
        manifest: format, version, tasks, keys, shapes, scales (factor of each task's update), density (share of entries
            taken, by task), recipe, inputs (digests of the models), digest (of all tasks' models), versions.
        bits: of each task, packed.
    """

    manifest: Mapping[str, Any]
    bits: Mapping[str, np.ndarray] = dataclasses.field(repr=False)

    @property
    def tasks(self) -> tuple[str, ...]:
        """The tasks, in the zoo's order."""
        return tuple(self.bits)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each tensor's mask, in the order of the file."""
        return {key: tuple(shape) for key, shape in zip(self.manifest["keys"], self.manifest["shapes"], strict=True)}

    def masks(self, task: str) -> "Mapping[str, Tensor]":
        """A task's mask of every moving tensor, unpacked as it is asked for.

        Raises:
            UnknownNameError: no such task.
        """
        if task not in self.bits:
            raise unknown_name("task", task, self.tasks)
        return _unpacked(self.bits[task], self.shapes)

    def state_dict(self, task: str, pretrained: StateDict, update: StateDict) -> MergedWeights:
        """A task's weights, computed tensor by tensor: pretrained + scale * mask * update.

        Args:
            pretrained: the common ancestor.
            update: the shared update, by moving tensor.

        Raises:
            UnknownNameError: no such task.
        """
        return MergedWeights(pretrained, _masked(update, self.masks(task)), self.manifest["scales"][task])


def write_masks(result: MergeResult, path: "str | Path", progress: Progress = silent) -> PackedMasks:
    """Write the masks of a merge: the whole file or nothing. Returns what was written.

    Raises:
        InvalidOptionError: a merge without masks.
        CheckpointError: the file cannot be written.
    """
    if result.masks is None:
        raise InvalidOptionError(f"masks are saved of methods that have some, tall_mask say; {result.name} has none.")
    keys = list(next(iter(result.masks.values())))
    packed: dict[str, list[np.ndarray]] = {task: [] for task in result.tasks}
    taken = dict.fromkeys(result.tasks, 0)
    for place, key in enumerate(keys):
        progress(place / len(keys), f"packing {key}")
        for task, masks in result.masks.items():
            mask = masks[key].numpy()
            packed[task].append(np.packbits(mask))
            taken[task] += int(mask.sum())
    bits = {task: np.concatenate([np.zeros(0, np.uint8), *parts]) for task, parts in packed.items()}
    shapes = [list(result.pretrained[key].shape) for key in keys]
    entries = max(1, sum(int(np.prod(shape)) for shape in shapes))
    manifest = {
        "format": FORMAT,
        "version": VERSION,
        "tasks": list(result.tasks),
        "keys": keys,
        "shapes": shapes,
        "scales": {task: masks.scale for task, masks in result.masks.items()},
        "density": {task: count / entries for task, count in taken.items()},
        "recipe": result.recipe.to_dict(),
        "inputs": dict(result.inputs),
        "digest": result.digest,
        "versions": dict(result.versions),
    }
    file = io.BytesIO()
    text = np.frombuffer(json.dumps(manifest).encode(), np.uint8)
    arrays: dict[str, Any] = {_MANIFEST: text, **{_name(place): bits[task] for place, task in enumerate(bits)}}
    np.savez(file, **arrays)
    try:
        write_atomically(Path(path), file.getvalue())
    except CacheError as error:
        raise CheckpointError(f"cannot write {path}: {error.__cause__}.") from error
    progress(1.0, "masks written")
    return PackedMasks(manifest, bits)


def read_masks(path: "str | Path") -> PackedMasks:
    """The masks of a file that `write_masks` wrote. Nothing in it is executed, and nothing is decompressed.

    Raises:
        CheckpointError: no such file, or one that holds something else or is damaged.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            # Compressed parts could grow to any size; ours are stored as they are.
            if any(member.compress_type != zipfile.ZIP_STORED for member in archive.infolist()):
                raise CheckpointError(f"packed masks are stored uncompressed; {path} is not. Write it again.")
        with np.load(path, allow_pickle=False) as file:
            manifest = json.loads(file[_MANIFEST].tobytes())
            bits = {task: file[_name(place)] for place, task in enumerate(manifest["tasks"])}
            _check(path, manifest, bits)
    except OSError as error:
        raise CheckpointError(f"cannot read {path}: {error.strerror or error}.") from error
    except (zipfile.BadZipFile, ValueError, KeyError, TypeError, EOFError, MemoryError) as error:
        raise CheckpointError(f"{path} must hold packed masks as write_masks writes them; it holds none.") from error
    return PackedMasks(manifest, bits)


def _check(path: "str | Path", manifest: Mapping[str, Any], bits: Mapping[str, np.ndarray]) -> None:
    if (manifest["format"], manifest["version"]) != (FORMAT, VERSION):
        raise CheckpointError(
            f"packed masks must be {FORMAT!r} of version {VERSION}; {path} says {manifest['format']!r} of version "
            f"{manifest['version']!r}."
        )
    if len(manifest["keys"]) != len(manifest["shapes"]):
        raise CheckpointError(f"packed masks must have a shape for each tensor; {path} has not.")
    size = sum(_bytes(shape) for shape in manifest["shapes"])
    for task, packed in bits.items():
        if packed.dtype != np.uint8 or packed.shape != (size,) or not isinstance(manifest["scales"][task], float):
            raise CheckpointError(
                f"the masks of {task} must fill {size} bytes and have a scale; {path} has {packed.nbytes} of them. "
                "It is damaged: write it again."
            )


def _name(place: int) -> str:
    return f"task_{place}"


def _bytes(shape: "list[int] | tuple[int, ...]") -> int:
    return -(-int(np.prod(shape, dtype=np.int64)) // 8)


def _unpacked(bits: np.ndarray, shapes: Mapping[str, tuple[int, ...]]) -> LazyState:
    """The masks of one task, each unpacked when it is read."""
    ends = itertools.accumulate(map(_bytes, shapes.values()), initial=0)
    starts = dict(zip(shapes, ends, strict=False))

    def read(key: str) -> Tensor:
        start, shape = starts[key], shapes[key]
        flat = np.unpackbits(bits[start : start + _bytes(shape)], count=int(np.prod(shape, dtype=np.int64)))
        return torch.from_numpy(flat.astype(bool).reshape(shape))

    return LazyState(shapes, read)


def _masked(update: StateDict, masks: Mapping[str, Tensor]) -> LazyState:
    """The shared update where a task takes it."""

    def read(key: str) -> Tensor:
        mask = masks[key]
        return torch.where(mask, update[key].to(mask.device), 0.0)

    return LazyState(masks, read)
