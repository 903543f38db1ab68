"""Merging weight files of any architecture: every tensor under its own name, a tensor at a time, into a new file."""

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from mloss_core.checkpoints.opening import open_tensors
from mloss_core.checkpoints.sharded import weight_file
from mloss_core.checkpoints.writing import SafetensorsWriter, layout_of
from mloss_core.errors import InvalidOptionError
from mloss_core.merging.methods import get_method, guides
from mloss_core.merging.state_dict_merge import lazy_merge
from mloss_core.recipe import Recipe
from mloss_core.types import Progress, silent


class StoredState(Mapping[str, Tensor]):
    """The tensors of a weight file under their stored names, each read when asked for. Nothing in it is executed.

    Args:
        path: a file, the index of several, or a folder with one of those.

    Raises:
        CheckpointError: no such file, damaged, hostile, or without tensors.
    """

    def __init__(self, path: Path) -> None:
        self._stored = open_tensors(weight_file(path))

    def __getitem__(self, key: str) -> Tensor:
        return self._stored.read(key)

    def __iter__(self) -> Iterator[str]:
        return iter(self._stored.shapes)

    def __len__(self) -> int:
        return len(self._stored.shapes)

    def close(self) -> None:
        """Close the file."""
        self._stored.close()


@torch.no_grad()
def merge_files(
    pretrained: Path, finetuned: Sequence[Path], recipe: Recipe, out: Path, progress: Progress = silent
) -> str:
    """Merge files of any architecture into a safetensors file, with the recipe and the sources in its metadata.

    Args:
        pretrained: the common ancestor.
        finetuned: the models, with the same tensors.
        recipe: a method of weights alone: what runs the models needs a zoo of CLIP encoders.
        out: the file to write; it appears complete or not at all.
        progress: told after every tensor.

    Returns:
        SHA-256 over names and contents of the merged tensors.

    Raises:
        InvalidOptionError: a method or processor that needs M-Loss or images, or gives one model a task.
        CheckpointError, IncompatibleStateDictsError: a file that cannot be read, or other tensors than the base's.
    """
    _check_blind(recipe)
    states = [StoredState(path) for path in (pretrained, *finetuned)]
    try:
        merged = lazy_merge(states[0], states[1:], recipe, names=tuple(path.name for path in finetuned))
        layout = layout_of(states[0])
        facts = {"recipe": recipe.to_dict(), "pretrained": pretrained.name, "models": [path.name for path in finetuned]}
        with SafetensorsWriter(out, layout, {name: json.dumps(value) for name, value in facts.items()}) as writer:
            for place, key in enumerate(writer.order):
                progress(place / len(writer.order), f"merging {key}")
                writer.write(key, merged[key])
        return writer.digest
    finally:
        for state in states:
            state.close()


def _check_blind(recipe: Recipe) -> None:
    needs = get_method(recipe.method).needs
    if guides(recipe) or needs:
        what = "M-Loss" if guides(recipe) else "images of the tasks"
        raise InvalidOptionError(
            f"{recipe.method} needs {what}, and so encoders that run: merge a zoo (--zoo), or choose a method of "
            "weights alone."
        )
