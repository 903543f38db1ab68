"""`zoo.json` or `zoo.yaml`: a zoo's files named one by one, and what no file says of itself. A closed schema."""

import dataclasses
import os
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from mloss_core.errors import InvalidOptionError, ZooError
from mloss_core.parsing import parse_object, read_text

DATA_VARIABLE = "MLOSS_DATA"
"""Names the folder of datasets of zoos that name none."""
NAME, YAML_NAME = "zoo.json", "zoo.yaml"
ACTIVATIONS = ("gelu", "gelu_tanh", "quick_gelu", "relu", "leaky_relu")
_FACTS = ("activation", "attention_heads", "layer_norm_eps", "mean", "std")
_FIELDS = (
    "name",
    "pretrained",
    "finetuned",
    "heads",
    "datasets",
    "dataset_of",
    *_FACTS,
    "text_may_differ",
    "far_from_base",
)
_MOST = 1000


@dataclasses.dataclass(frozen=True, kw_only=True)
class Description:
    """What a `zoo.json` or `zoo.yaml` says. What it leaves out is found by the folder's layout.

    Args:
        name: of the zoo, instead of the folder's.
        pretrained: file of the common ancestor.
        finetuned: file of each model by task, in the zoo's order.
        heads: file of each zero-shot head by task.
        activation, attention_heads, layer_norm_eps, mean, std: of all models, instead of what their files say.
        datasets: folder of image datasets; relative to the zoo's folder unless absolute.
        dataset_of: the dataset of a model whose name is another one, as where several were tuned on one dataset.
        text_may_differ: tensors beside the vision towers were trained too, and nothing need be said of it.
        far_from_base: models far from the pretrained one are no mistake.
    """

    name: str | None = None
    pretrained: Path | None = None
    finetuned: Mapping[str, Path] | None = None
    heads: Mapping[str, Path] | None = None
    activation: str | None = None
    attention_heads: int | None = None
    layer_norm_eps: float | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None
    datasets: Path | None = None
    dataset_of: Mapping[str, str] = dataclasses.field(default_factory=dict)
    text_may_differ: bool = False
    far_from_base: bool = False

    @property
    def facts(self) -> dict[str, Any]:
        """What is said of the architecture, by the names that files have for it."""
        said = {name: getattr(self, name) for name in ("activation", "layer_norm_eps", "mean", "std")}
        said["heads"] = self.attention_heads
        return {name: value for name, value in said.items() if value is not None}


def datasets_folder(folder: Path) -> Path | None:
    """Where the datasets of a zoo's folder are: the folder that it names, else `$MLOSS_DATA`; None where neither is.

    Raises:
        ZooError: see `read_description`.
    """
    described = read_description(folder)
    if described is not None and described.datasets is not None:
        return described.datasets
    variable = os.environ.get(DATA_VARIABLE)
    return Path(variable) if variable else None


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
        text = read_text(path, "description").removeprefix("\ufeff")
        values = parse_object(text, str(path), yaml=path.name == YAML_NAME)
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
        attention_heads=_number(values.get("attention_heads"), "attention_heads", path, whole=True),
        layer_norm_eps=_number(values.get("layer_norm_eps"), "layer_norm_eps", path),
        mean=_colours(values.get("mean"), "mean", path),
        std=_colours(values.get("std"), "std", path, positive=True),
        dataset_of=_names(values.get("dataset_of"), path),
        text_may_differ=_flag(values.get("text_may_differ"), "text_may_differ", path),
        far_from_base=_flag(values.get("far_from_base"), "far_from_base", path),
        datasets=None if texts["datasets"] is None else folder / texts["datasets"],
    )


def _text(value: Any, field: str, path: Path) -> str | None:
    if value is not None and (not isinstance(value, str) or not value):
        raise ZooError(f"{path}: {field} must be a text; found {value!r}.")
    return value


def _number(value: Any, field: str, path: Path, *, whole: bool = False) -> Any:
    if value is None:
        return None
    fits = type(value) is int and 1 <= value <= _MOST if whole else type(value) is float and 0 < value < 1
    if not fits:
        kind = f"a whole number from 1 to {_MOST}" if whole else "a number between 0 and 1"
        raise ZooError(f"{path}: {field} must be {kind}; found {value!r:.80}.")
    return value


def _colours(value: Any, field: str, path: Path, *, positive: bool = False) -> tuple[float, ...] | None:
    if value is None:
        return None
    numbers = isinstance(value, list) and len(value) == 3 and all(type(part) in (int, float) for part in value)
    if not numbers or not all((0 < part if positive else -_MOST <= part) and part <= _MOST for part in value):
        raise ZooError(
            f"{path}: {field} must be three numbers, one a colour, pixels being 0 to 1; found {value!r:.80}."
        )
    return tuple(map(float, value))


def _flag(value: Any, field: str, path: Path) -> bool:
    if value is not None and not isinstance(value, bool):
        raise ZooError(f"{path}: {field} must be true or false; found {value!r:.80}.")
    return bool(value)


def _names(value: Any, path: Path) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict) or not all(isinstance(name, str) and name for name in value.values()):
        raise ZooError(f'{path}: dataset_of must name a dataset for models, such as {{"cars_2": "cars"}}.')
    return {model.lower(): name.lower() for model, name in value.items()}


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
