"""Merging weight files of any architecture: every tensor under its own name, a tensor at a time, into a new file."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from pathlib import Path

import torch

from mloss_core.checkpoints.writing import SafetensorsWriter
from mloss_core.errors import InvalidOptionError
from mloss_core.merging.methods import get_method, guides
from mloss_core.merging.sound_values import check_kinds, check_written, is_statistic, mean_statistic
from mloss_core.merging.state_dict_merge import lazy_merge
from mloss_core.merging.stored_states import StoredState, WidenedState
from mloss_core.recipe import Recipe
from mloss_core.state_dicts import check_same_structure
from mloss_core.types import Progress, silent

DTYPES = ("float32", "float16", "bfloat16", "float64")
"""What merged files can be written in."""


@dataclasses.dataclass(frozen=True)
class MergedFile:
    """What was written: SHA-256 over names and contents of the merged tensors, and what the user should know."""

    digest: str
    notes: tuple[str, ...]


@torch.no_grad()
def merge_files(
    pretrained: Path,
    finetuned: Sequence[Path],
    recipe: Recipe,
    out: Path,
    progress: Progress = silent,
    dtype: str | None = None,
) -> MergedFile:
    """Merge files of any architecture into a safetensors file, with the recipe and the sources in its metadata.

    Integers are copied from the pretrained file, running statistics of normalisations averaged; both are noted.

    Args:
        pretrained: the common ancestor.
        finetuned: the models, with the same tensors; what wrappers such as `module.` add to names is no difference.
        recipe: a method of weights alone: what runs the models needs a zoo of CLIP encoders.
        out: the file to write; it appears complete or not at all.
        progress: told after every tensor.
        dtype: of the floating tensors that are written, one of `DTYPES`; the pretrained file's by default.

    Raises:
        InvalidOptionError: a method or processor that needs M-Loss or images, or gives one model a task; a file twice.
        CheckpointError: a file that cannot be read, or merged values that the dtype cannot hold.
        IncompatibleStateDictsError: other tensors than the base's, or weights of integers.
    """
    _check_blind(recipe)
    names = _names(finetuned)
    states: list[StoredState] = []
    try:
        states += [StoredState(path) for path in (pretrained, *finetuned)]
        base, *models = states
        for model in models:
            model.take_names_of(base)
        check_same_structure(base, models, names)
        notes = _notes(base, dict(zip(names, models, strict=True)))
        least = None if dtype is None else getattr(torch, dtype)
        merged = lazy_merge(base if least is None else WidenedState(base, least), models, recipe, names=names)
        layout = {key: (_written_dtype(base.dtype(key), least), base.shape(key)) for key in base}
        facts = {"recipe": recipe.to_dict(), "pretrained": pretrained.name, "models": [path.name for path in finetuned]}
        with SafetensorsWriter(out, layout, {name: json.dumps(value) for name, value in facts.items()}) as writer:
            for place, key in enumerate(writer.order):
                progress(place / len(writer.order), f"merging {key}")
                exact = mean_statistic(key, merged[key], models) if is_statistic(key) else merged[key]
                written = exact.to(layout[key][0])
                check_written(key, written, exact, base[key])
                writer.write(key, written)
        return MergedFile(writer.digest, tuple(notes))
    finally:
        for state in states:
            state.close()


def _written_dtype(stored: torch.dtype, asked: torch.dtype | None) -> torch.dtype:
    return asked if asked is not None and stored.is_floating_point else stored


def _names(files: Sequence[Path]) -> tuple[str, ...]:
    """How messages name the models: by their files' names, or whole where two share one."""
    places = [path.resolve() for path in files]
    twice = sorted({str(path) for path, place in zip(files, places, strict=True) if places.count(place) > 1})
    if twice:
        raise InvalidOptionError(f"each model must be named once; found {', '.join(twice)} more than once.")
    short = [path.name for path in files]
    return tuple(name if short.count(name) == 1 else str(path) for name, path in zip(short, files, strict=True))


def _moved(key: str, base: StoredState, models: Iterable[StoredState]) -> bool:
    return any(not torch.equal(base[key], model[key]) for model in models)


def _notes(base: StoredState, models: dict[str, StoredState]) -> list[str]:
    renamed = [name for name, model in models.items() if model.renamed]
    notes = [f"names of {', '.join(renamed)} were matched without what wrappers add to them."] if renamed else []
    notes += check_kinds(base, models)
    averaged = [key for key in base if is_statistic(key) and _moved(key, base, models.values())]
    if averaged:
        notes.append(f"running statistics were averaged over the models and not merged: {len(averaged)} tensors.")
    return notes


def _check_blind(recipe: Recipe) -> None:
    needs = get_method(recipe.method).needs
    if guides(recipe) or needs:
        what = "M-Loss" if guides(recipe) else "images of the tasks"
        raise InvalidOptionError(
            f"{recipe.method} needs {what}, and so encoders that run: merge a zoo (--zoo), or choose a method of "
            "weights alone."
        )
