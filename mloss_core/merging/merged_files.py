"""Merged weights as a file: where it may go, what it says of itself, and what other tools want beside it."""

import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mloss_core.checkpoints import open_checkpoint
from mloss_core.checkpoints.naming import check_format, hugging_face_config, hugging_face_images
from mloss_core.checkpoints.sharded import files_of
from mloss_core.errors import CacheError, CheckpointError, InvalidOptionError
from mloss_core.leftovers import write_atomically
from mloss_core.merging.results import versions
from mloss_core.recipe import Recipe
from mloss_core.vision.architecture import Architecture
from mloss_core.zoo.model import Zoo

_HF_WEIGHTS = "model.safetensors"
_HF_CONFIGS = {"config.json": hugging_face_config, "preprocessor_config.json": hugging_face_images}


def check_out(zoo: Zoo, out: "str | Path | None", format: str) -> None:
    """Refuse, before any work, a file that is being merged and a configuration of another model beside it.

    Raises:
        UnknownNameError: no such format.
        InvalidOptionError: `out` must not be written.
    """
    check_format(format)
    if out is None:
        return
    for encoder in (zoo.pretrained, *zoo.sources()):
        if encoder.source and Path(out).resolve() in files_of(Path(encoder.source)):
            raise InvalidOptionError(
                f"the file to write must not replace a model of the zoo; {out} holds {encoder.name}."
            )
    for config, text in _configs(Path(out), format, zoo.architecture).items():
        if config.exists() and config.read_bytes() != text.encode():
            raise InvalidOptionError(f"{config} belongs to another model; write {out} into a folder of its own.")


def file_facts(zoo: Zoo, recipe: Recipe) -> dict[str, str]:
    """Metadata of a merged file: enough to open it and to make it again."""
    facts: dict[str, Any] = {
        "architecture": zoo.architecture.to_dict(),
        "recipe": recipe.to_dict(),
        "zoo": zoo.name,
        "tasks": list(zoo.tasks),
        "inputs": input_digests(zoo),
        "versions": versions(recipe),
    }
    return {name: json.dumps(value) for name, value in facts.items()}


def input_digests(zoo: Zoo) -> dict[str, str]:
    """Digest of every model of a zoo, `pretrained` among them."""
    return {encoder.name: encoder.digest for encoder in (zoo.pretrained, *zoo.sources())}


def leftovers(zoo: Zoo, format: str) -> dict[str, Tensor]:
    """For the field's ImageEncoder, the text weights that its files carry along unused: it loads no file without them.

    No fine-tuning moves them, so they are the pretrained file's.

    Raises:
        CheckpointError: that file cannot be read any more.
    """
    source = Path(zoo.pretrained.source)
    if format != "task_vectors" or not zoo.pretrained.source or not source.is_file():
        return {}
    with open_checkpoint(source) as file:
        stored = {key: file.read_stored(key) for key in file.left_out if key.startswith("model.")}
    return {key: tensor.to(torch.float32) for key, tensor in stored.items() if tensor.is_floating_point()}


def write_config(out: Path, format: str, architecture: Architecture) -> None:
    """Beside a Hugging Face file called model.safetensors, the files without which transformers opens nothing.

    Raises:
        CheckpointError: one cannot be written.
    """
    for config, text in _configs(out, format, architecture).items():
        try:
            write_atomically(config, text.encode())
        except CacheError as error:
            raise CheckpointError(f"cannot write {config}: {error.__cause__}.") from error


def _configs(out: Path, format: str, architecture: Architecture) -> dict[Path, str]:
    """The configurations that belong beside a file, as texts."""
    if format != "hf" or out.name != _HF_WEIGHTS:
        return {}
    return {out.parent / name: json.dumps(make(architecture), indent=2) + "\n" for name, make in _HF_CONFIGS.items()}
