"""The zoos that an operator offers: folders below configured roots, named by id and never by path. Loads no torch."""

import dataclasses
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from mloss_core.errors import ZooError, unknown_name
from mloss_core.zoo.embedded import DEFAULT_ZOO, EMBEDDED
from mloss_core.zoo.folders.discovery import looks_like_zoo
from mloss_core.zoo.locating import ROOT

VARIABLE = "MLOSS_ZOOS"
"""Folders below which zoos are offered, separated as in PATH, beside `./checkpoints`."""
MOST = 200
"""Zoos that are listed at most."""
_UNFIT = re.compile(r"[^A-Za-z0-9._-]+")


@dataclasses.dataclass(frozen=True)
class OfferedZoo:
    """A folder that looks like a zoo, below a root.

    Args:
        id: how a page or a link names it, unique in the list.
        title: for people: the folder's name.
        folder: its real path.
        root: the root it lies below.
        source: how requests name it: an embedded zoo by its name, any other by its folder.
    """

    id: str
    title: str
    folder: Path
    root: Path
    source: str


def embedded_zoos() -> tuple[OfferedZoo, ...]:
    """The embedded zoos beside the default one."""
    rows = [row for row in EMBEDDED.values() if row.name != DEFAULT_ZOO]
    return tuple(OfferedZoo(row.name, row.title, row.folder, row.folder.resolve(), row.name) for row in rows)


def configured_roots(extra: Sequence[str] = ()) -> tuple[Path, ...]:
    """Real paths of the roots: `./checkpoints` where there is one, those of `$MLOSS_ZOOS`, and `extra`.

    Args:
        extra: further folders, from another place where an operator keeps settings.

    Raises:
        ZooError: a root that is no folder, or so wide that it confines nothing: `/` or a home folder.
    """
    named = [text for text in (*os.environ.get(VARIABLE, "").split(os.pathsep), *extra) if text]
    roots = [ROOT.resolve()] if ROOT.is_dir() else []
    for text in named:
        root = Path(text).resolve()
        if not root.is_dir():
            raise ZooError(f"{VARIABLE} must name folders; {text} is none. Mend the setting and start again.")
        if root in {Path(root.anchor), Path.home().resolve()}:
            raise ZooError(f"a root of zoos must be a folder of its own; {VARIABLE} names {root}. Name one below it.")
        roots.append(root)
    return tuple(dict.fromkeys(roots))


def offered_zoos(roots: Iterable[Path]) -> tuple[OfferedZoo, ...]:
    """The zoos below the roots, by their looks alone; opening one says what is wrong with it.

    A root that is itself a zoo is one; else each of its folders that looks like one. Links that lead out of the root
    are left out.
    """
    zoos: list[OfferedZoo] = []
    taken: set[str] = set()
    for root in roots:
        for folder in _zoos_of(root)[: MOST - len(zoos)]:
            name = _free(_UNFIT.sub("-", folder.name).strip("-.") or "zoo", taken)
            taken.add(name)
            zoos.append(OfferedZoo(name, folder.name, folder, root, str(folder)))
    return tuple(zoos)


def offered_zoo(name: str, zoos: Sequence[OfferedZoo]) -> OfferedZoo:
    """The offered zoo of that id, its folder still inside its root.

    Raises:
        UnknownNameError: no such id. ZooError: the folder has moved out of its root since it was listed.
    """
    for zoo in zoos:
        if zoo.id == name:
            if not zoo.folder.resolve().is_relative_to(zoo.root):
                raise ZooError(f"{zoo.title} no longer lies below its root; list the zoos again.")
            return zoo
    raise unknown_name("zoo", name, tuple(zoo.id for zoo in zoos))


def _zoos_of(root: Path) -> list[Path]:
    try:
        if looks_like_zoo(root):
            return [root]
        children = sorted(path for path in root.iterdir() if path.is_dir() and not path.name.startswith("."))
    except OSError:
        return []
    inside = [child.resolve() for child in children if child.resolve().is_relative_to(root)]
    return [child for child in inside if _readable_zoo(child)]


def _readable_zoo(folder: Path) -> bool:
    try:
        return looks_like_zoo(folder)
    except OSError:
        return False


def _free(name: str, taken: set[str]) -> str:
    """The name, or with a number where it is taken."""
    number, free = 1, name
    # The names of the embedded zoos are their own.
    while free in taken or free in EMBEDDED:
        number += 1
        free = f"{name}-{number}"
    return free
