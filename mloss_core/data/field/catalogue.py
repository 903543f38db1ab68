"""The field's 20 tasks as records, found by any of the names that they go by."""

import dataclasses
import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

from mloss_core.data.field.facts import FACTS, VAL_TENTH
from mloss_core.errors import UnknownNameError, unknown_name

_WORDS = Path(__file__).with_name("words")
_MARKS = re.compile(r"[-_\s]+")


@dataclasses.dataclass(frozen=True)
class FieldTask:
    """One task of the field.

    Args:
        name: its key in `CATALOGUE`, in lower case.
        title: the name that the field's code and checkpoint folders use, such as `RESISC45`.
        classes: names in label order, in OpenAI's wording.
        templates: sentences with one `{}` each.
        reader: name of the reader of its files on disk.
        train: number of training images before any are set apart for validation.
        val: number of images in the dataset's own validation split, or None without one.
        test: number of test images.
        aliases: other names, in lower case and without `-` and `_`.
        folder_classes: for datasets kept in a folder a class, the folders in label order, with `/` between levels
            (SUN397's without its leading letter); None for other datasets.
        val_rule: how validation images are chosen, as text.
        notes: what to know when comparing figures or placing files.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    templates: tuple[str, ...]
    reader: str
    train: int | None
    val: int | None
    test: int | None
    aliases: tuple[str, ...]
    folder_classes: tuple[str, ...] | None
    val_rule: str
    notes: tuple[str, ...]


@functools.cache
def _task(name: str) -> FieldTask:
    facts, words = FACTS[name], json.loads((_WORDS / f"{name}.json").read_text(encoding="utf-8"))
    folders = words.get("folders")
    return FieldTask(
        name=name,
        title=facts.title,
        classes=tuple(words["classes"]),
        templates=tuple(words["templates"]),
        reader=name,
        train=facts.train,
        val=facts.val,
        test=facts.test,
        aliases=facts.aliases,
        folder_classes=None if folders is None else tuple(folders),
        val_rule=VAL_TENTH,
        notes=facts.notes,
    )


class _Catalogue(Mapping[str, FieldTask]):
    """Tasks by key; the words of a task are read when it is first asked for."""

    def __getitem__(self, name: str) -> FieldTask:
        if name not in FACTS:
            raise KeyError(name)
        return _task(name)

    def __iter__(self) -> Iterator[str]:
        return iter(FACTS)

    def __len__(self) -> int:
        return len(FACTS)

    def __contains__(self, name: object) -> bool:
        return name in FACTS


CATALOGUE: Mapping[str, FieldTask] = _Catalogue()
"""The 20 tasks by key, in the field's order."""

SUITES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "N8": tuple(FACTS)[:8],
        "N14": tuple(FACTS)[:14],
        "N20": tuple(FACTS),
        "paper": ("resisc45", "cars", "mnist", "dtd", "eurosat", "gtsrb", "sun397", "svhn"),
    }
)
"""Keys of the tasks that are merged together, in order: the field's 8, 14 and 20, and the M-Loss paper's own order."""

_KEYS = {alias: name for name, facts in FACTS.items() for alias in (name, *facts.aliases)}


def field_task(name: str) -> FieldTask | None:
    """The task of a name, or None if it is none of the field's.

    Args:
        name: key, title or alias, in any case, with or without `-`, `_` and a trailing `Val`.

    Example:
        >>> field_task("Stanford_CarsVal").name
        'cars'
    """
    plain = _MARKS.sub("", name).lower()
    key = _KEYS.get(plain) or _KEYS.get(plain.removesuffix("val"))
    return None if key is None else _task(key)


def require_field_task(name: str) -> FieldTask:
    """The task of a name; see `field_task`.

    Raises:
        UnknownNameError: it is none of the field's; the message lists them.
    """
    task = field_task(name)
    if task is not None:
        return task
    if _MARKS.sub("", name).lower().startswith("emnist"):
        raise UnknownNameError(f"{name!r} is another task than emnist, which is EMNIST digits; give its own wording.")
    raise unknown_name("task of the field", name, list(FACTS))
