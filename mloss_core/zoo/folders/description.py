"""`zoo.json` or `zoo.yaml`: a zoo's files named one by one, and what no file says of itself. A closed schema."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from mloss_core.errors import InvalidOptionError, ZooError
from mloss_core.parsing import parse_object, read_text

NAME, YAML_NAME = "zoo.json", "zoo.yaml"
ACTIVATIONS = ("gelu", "gelu_tanh", "quick_gelu", "relu", "leaky_relu")
_FIELDS = ("name", "pretrained", "finetuned", "heads", "activation", "datasets")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description:
    """What a `zoo.json` or `zoo.yaml` says. What it leaves out is found by the folder's layout.

    Args:
        name: of the zoo, instead of the folder's.
        pretrained: file of the common ancestor.
        finetuned: file of each model by task, in the zoo's order.
        heads: file of each zero-shot head by task.
        activation: of all models, instead of what their files say.
        datasets: folder of image datasets; relative to the zoo's folder unless absolute.
    """

    name: str | None = None
    pretrained: Path | None = None
    finetuned: Mapping[str, Path] | None = None
    heads: Mapping[str, Path] | None = None
    activation: str | None = None
    datasets: Path | None = None


def read_description(folder: Path) -> Description | None:
    """The folder's `zoo.json` or `zoo.yaml`; None where there is none.

    Raises:
        ZooError: both, no object, an unknown field, a value of another kind, or a file outside the folder.
    """
    there = [folder / name for name in (NAME, YAML_NAME) if (folder / name).is_file()]
    if not there:
        return None
    path = there[0]
    if len(there) > 1:
        raise ZooError(f"{folder} must hold one of {NAME} and {YAML_NAME}; it has both. Move one away.")
    try:
        values = parse_object(read_text(path, "description"), str(path), yaml=path.name == YAML_NAME)
    except InvalidOptionError as error:
        raise ZooError(str(error)) from error
    unknown = sorted(set(values) - set(_FIELDS))
    if unknown:
        raise ZooError(f"{path} takes {', '.join(_FIELDS)}; found unknown {', '.join(unknown)}.")
    return _description(values, folder, path)


def _description(values: Mapping[str, Any], folder: Path, path: Path) -> Description:
    texts = {field: _text(values.get(field), field, path) for field in ("name", "pretrained", "activation", "datasets")}
    if texts["activation"] not in (None, *ACTIVATIONS):
        raise ZooError(f"{path}: activation must be one of {', '.join(ACTIVATIONS)}; found {texts['activation']!r}.")
    return Description(
        name=texts["name"],
        pretrained=None if texts["pretrained"] is None else _inside(texts["pretrained"], folder, path),
        finetuned=_files(values.get("finetuned"), "finetuned", folder, path),
        heads=_files(values.get("heads"), "heads", folder, path),
        activation=texts["activation"],
        datasets=None if texts["datasets"] is None else folder / texts["datasets"],
    )


def _text(value: Any, field: str, path: Path) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise ZooError(f"{path}: {field} must be a text; found {value!r}.")
    return value


def _files(value: Any, field: str, folder: Path, path: Path) -> dict[str, Path] | None:
    if value is None:
        return None
    if not isinstance(value, dict) or not value or not all(isinstance(file, str) and file for file in value.values()):
        raise ZooError(f'{path}: {field} must name a file for each task, such as {{"cars": "cars.pt"}}.')
    lowered = [task.lower() for task in value]
    twice = sorted({task for task in lowered if lowered.count(task) > 1 or task in {"", "pretrained"}})
    if twice:
        raise ZooError(f"{path}: {field} must name each task once, and none 'pretrained'; found {', '.join(twice)!r}.")
    return {task.lower(): _inside(file, folder, path) for task, file in value.items()}


def _inside(text: str, folder: Path, path: Path) -> Path:
    """A file below the folder. Only words are judged: a link that the zoo's owner made there is followed."""
    relative = PurePosixPath(text)
    unfit = not relative.parts or relative.is_absolute() or ".." in relative.parts
    if unfit or any(letter in text for letter in "\\\0") or ":" in relative.parts[0]:
        raise ZooError(f"{path}: files must lie below its folder, as in 'Cars/finetuned.pt'; found {text!r}. Link it.")
    return folder / relative
