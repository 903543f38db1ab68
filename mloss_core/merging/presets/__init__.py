"""Settings of the reference projects, read from the YAML files beside this one. Imports no torch."""

import dataclasses
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType

from mloss_core.errors import InvalidOptionError, UnknownNameError
from mloss_core.parsing import parse_object, read_text
from mloss_core.recipe import Recipe

FOLDER = Path(__file__).parent
_FILE = {"project", "url", "presets"}
_PRESET = {"recipe", "note", "tuned"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Preset:
    """One setting of a reference project.

    Args:
        name: `method@project`, with what else tells it from its siblings.
        recipe: the merge, with options that differ from ours written out.
        project: whose setting it is; url: where it stands.
        note: one sentence on what differs from that project's result.
        tuned: whether the project chooses the scale on validation images; the recipe then holds a starting point.
    """

    name: str
    recipe: Recipe
    project: str
    url: str
    note: str
    tuned: bool = False


class PresetTable(Mapping[str, Preset]):
    """Presets by name, read on first use: forms and commands that name none need no YAML."""

    def __init__(self) -> None:
        self._found: Mapping[str, Preset] | None = None

    def __getitem__(self, name: str) -> Preset:
        return self._table()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._table())

    def __len__(self) -> int:
        return len(self._table())

    def _table(self) -> Mapping[str, Preset]:
        if self._found is None:
            self._found = read_presets()
        return self._found


PRESETS = PresetTable()
"""All presets by name."""


def get_preset(name: object) -> Preset:
    """A preset by name.

    Raises:
        UnknownNameError: no such preset; the message names those like it, as there are too many to list.
    """
    if not isinstance(name, str) or name not in PRESETS:
        close = get_close_matches(str(name), list(PRESETS), n=3, cutoff=0.4)
        hint = f"did you mean {' or '.join(map(repr, close))}? " if close else ""
        raise UnknownNameError(f"unknown preset {name!r:.80}: {hint}'python -m mloss_core methods' lists them.")
    return PRESETS[name]


def presets_of(method: str) -> tuple[Preset, ...]:
    """The presets of one method."""
    return tuple(preset for preset in PRESETS.values() if preset.recipe.method == method)


def read_presets(folder: Path = FOLDER) -> Mapping[str, Preset]:
    """The presets of a folder's YAML files, in the files' order.

    Raises:
        InvalidOptionError: a file with other fields, or a name twice.
    """
    found: dict[str, Preset] = {}
    for path in sorted(folder.glob("*.yaml")):
        values = parse_object(read_text(path, "preset file"), f"the preset file {path.name}", yaml=True)
        if set(values) != _FILE:
            raise InvalidOptionError(f"{path.name} must hold {', '.join(sorted(_FILE))}; found {', '.join(values)}.")
        for name, fields in values["presets"].items():
            if name in found or not {"recipe", "note"} <= set(fields) <= _PRESET:
                raise InvalidOptionError(f"{path.name}: {name} must be new, with {', '.join(sorted(_PRESET))}.")
            found[name] = Preset(
                name=name,
                recipe=Recipe.from_dict(fields["recipe"]),
                project=values["project"],
                url=values["url"],
                note=fields["note"],
                tuned=fields.get("tuned", False),
            )
    return MappingProxyType(found)
