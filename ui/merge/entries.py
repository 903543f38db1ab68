"""The recipes that a comparison holds, as data, and their compact form in the URL."""

import dataclasses
import json
from collections.abc import Iterable, Sequence
from typing import Any

from mloss_core.errors import InvalidOptionError, MLossCoreError, quoted
from mloss_core.merging.labels import describe
from mloss_core.merging.methods import tidy
from mloss_core.parsing import check_letters
from mloss_core.recipe import Recipe

_KEY_LENGTH = 10

MAX_ENTRIES = 24
"""More rows than this no longer compare; a link that asks for more is cut."""
MAX_TEXT = 6000
"""Longest text accepted from a URL, in letters."""
MAX_NAME = 60
_PLAIN = Recipe(method="average").to_dict()


@dataclasses.dataclass(frozen=True)
class Entry:
    """One recipe of the comparison.

    Args:
        recipe: what is merged and how.
        name: what the user calls it; None means the recipe's own label.
    """

    recipe: Recipe
    name: str | None = None

    @property
    def key(self) -> str:
        """What tells entries apart: the digest of the recipe."""
        return self.recipe.digest

    @property
    def label(self) -> str:
        """The user's name, or the recipe in short."""
        return self.name or describe(self.recipe)


def add_entries(entries: Sequence[Entry], recipes: Iterable[Recipe]) -> tuple[Entry, ...]:
    """The entries with new recipes at the end; a recipe that is there already stays where it is.

    Raises:
        InvalidOptionError: the comparison would hold more than `MAX_ENTRIES`.
    """
    known = {tidy(entry.recipe).digest for entry in entries}
    fresh: list[Entry] = []
    for recipe in map(tidy, recipes):
        if recipe.digest not in known:
            known.add(recipe.digest)
            fresh.append(Entry(recipe))
    if len(entries) + len(fresh) > MAX_ENTRIES:
        raise InvalidOptionError(
            f"a comparison holds at most {MAX_ENTRIES} recipes; it has {len(entries)} and {len(fresh)} more were asked "
            "for. Remove some first."
        )
    return (*entries, *fresh)


def rename(entries: Sequence[Entry], key: str, name: str) -> tuple[Entry, ...]:
    """The entries with another name for one of them; an empty name gives the recipe's label back."""
    text = " ".join(name.split())[:MAX_NAME] or None
    return tuple(dataclasses.replace(entry, name=text) if entry.key == key else entry for entry in entries)


def remove(entries: Sequence[Entry], keys: Iterable[str]) -> tuple[Entry, ...]:
    """The entries without those of `keys`."""
    gone = set(keys)
    return tuple(entry for entry in entries if entry.key not in gone)


def row_labels(entries: Sequence[Entry]) -> dict[str, str]:
    """A distinct label for every entry by key: equal ones are numbered in their order."""
    seen: dict[str, int] = {}
    labels = {}
    for entry in entries:
        seen[entry.label] = seen.get(entry.label, 0) + 1
        count = seen[entry.label]
        labels[entry.key] = entry.label if count == 1 else f"{entry.label} ({count})"
    return labels


def entries_to_text(entries: Sequence[Entry]) -> str:
    """The entries as compact JSON: a list of recipes without what is at its default, with their names."""
    return json.dumps([_short(entry) for entry in entries], separators=(",", ":"), ensure_ascii=False)


def entries_from_text(text: str, tasks: Sequence[str] = (), layers: int | None = None) -> tuple[tuple[Entry, ...], str]:
    """The entries of a link, and one sentence on what of it could not be used (empty when all could).

    Args:
        text: from a URL, so never trusted: each recipe passes the closed schema and the method's own checks.
        tasks: the open zoo's tasks; recipes that name others are left out. Empty checks nothing.
        layers: number of blocks; recipes that name blocks beyond are left out. None checks nothing.
    """
    if len(text) > MAX_TEXT:
        return (), f"The link's list of recipes is too long ({len(text)} letters, at most {MAX_TEXT}); it was left out."
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):  # Also a number of more digits than Python reads.
        return (), "The link's list of recipes is no JSON; it was left out."
    if not isinstance(items, list):
        return (), "The link's recipes are not a list; they were left out."
    entries: tuple[Entry, ...] = ()
    problems = []
    for item in items[:MAX_ENTRIES]:
        try:
            entry = _entry(item)
            _check_against_zoo(entry.recipe, tasks, layers)
        except (MLossCoreError, TypeError, RecursionError) as error:
            problems.append(str(error))
            continue
        if entry.key not in {other.key for other in entries}:
            entries = (*entries, entry)
    if len(items) > MAX_ENTRIES:
        problems.append(f"only the first {MAX_ENTRIES} recipes are shown.")
    return entries, f"Part of the link was left out: {problems[0]}" if problems else ""


def _short(entry: Entry) -> dict[str, Any]:
    found = entry.recipe.to_dict()
    short = {name: value for name, value in found.items() if name == "method" or value != _PLAIN[name]}
    if "mloss" in short:
        plain = _PLAIN["mloss"]
        short["mloss"] = {name: value for name, value in found["mloss"].items() if value != plain[name]}
    return short | ({"name": entry.name} if entry.name else {})


def _entry(item: Any) -> Entry:
    if not isinstance(item, dict):
        raise InvalidOptionError(f"a recipe must be a JSON object; found a {type(item).__name__}.")
    values = dict(item)
    name = values.pop("name", None)
    if name is not None and not isinstance(name, str):
        raise InvalidOptionError(f"a recipe's name must be text; found {quoted(name)}.")
    check_letters(item, "a recipe")
    recipe = tidy(Recipe.from_json(json.dumps(values)))
    return Entry(recipe, " ".join(name.split())[:MAX_NAME] or None if name else None)


def _check_against_zoo(recipe: Recipe, tasks: Sequence[str], layers: int | None) -> None:
    missing = [task for task in recipe.tasks or () if tasks and task not in tasks]
    if missing:
        raise InvalidOptionError(f"this zoo has no task {quoted(missing[0])}; it has {', '.join(tasks)}.")
    beyond = [block for block in recipe.blocks or () if layers is not None and not 0 <= block < layers]
    if beyond and layers is not None:
        raise InvalidOptionError(
            f"block {quoted(beyond[0])} does not exist; this encoder has blocks 0 to {layers - 1}."
        )


def row_key(recipe: Recipe) -> str:
    """The short name of a recipe's row, as a link carries it."""
    return recipe.digest[:_KEY_LENGTH]
