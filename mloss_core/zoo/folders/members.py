"""The models of a zoo, converted once and read lazily, with every file that cannot be read named in one report."""

import dataclasses
from collections import ChainMap
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mloss_core.caching import SOURCES, Cache, digest_of
from mloss_core.checkpoints.converting import CONVERTER_VERSION, Converted, convert
from mloss_core.checkpoints.facts import with_config
from mloss_core.checkpoints.keeping import mark_used
from mloss_core.checkpoints.sharded import source_files
from mloss_core.errors import CheckpointError, ZooError
from mloss_core.types import Progress, StateDict, part, silent
from mloss_core.zoo.folders.discovery import FoundZoo

PROJECTION = "proj"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Member:
    """One model of a zoo.

    Args:
        name: its task, or `pretrained`.
        path: the file it came from; label: how messages name it.
        weights: canonical tensors, float32, read lazily.
        source_digest: SHA-256 of the file.
        facts: what the file says of its model.
    """

    name: str
    path: Path
    label: str
    weights: StateDict
    source_digest: str
    facts: Mapping[str, Any]


def report(zoo: str, problems: Sequence[str]) -> ZooError:
    """The error that names everything wrong with a zoo."""
    if len(problems) == 1:
        return ZooError(f"the zoo {zoo} cannot be opened: {problems[0]}")
    listed = " ".join(f"({number}) {problem}" for number, problem in enumerate(problems, 1))
    return ZooError(f"the zoo {zoo} cannot be opened, {len(problems)} problems: {listed}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Members:
    """The models of a zoo that could be read.

    Args:
        base: the pretrained model.
        tuned: the fine-tuned ones by task.
        notes: what the user should know.
        problems: what is wrong with the files that could not be read.
    """

    base: Member
    tuned: Mapping[str, Member]
    notes: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def read_members(found: FoundZoo, progress: Progress = silent) -> Members:
    """The models, those that can be read: the others' problems belong into one report with what is wrong with these.

    Raises:
        ZooError: no pretrained model, or no fine-tuned one: there is nothing to check the rest against.
        CacheError: converted files cannot be kept.
    """
    files = [("pretrained", path) for path in found.pretrained] + list(found.finetuned.items())
    members: list[Member] = []
    problems: list[str] = []
    for position, (name, path) in enumerate(files):
        step = part(progress, position / len(files), (position + 1) / len(files))
        try:
            members.append(read_member(name, path, found.label(path), step))
        except CheckpointError as error:
            problems.append(_worded(error, path, found.label(path)))
    bases = [member for member in members if member.name == "pretrained"]
    tuned = members[len(bases) :]
    if problems and (len(bases) < len(found.pretrained) or not tuned):
        raise report(found.name, problems)
    if len({base.source_digest for base in bases}) > 1:
        _check_same(bases, found.name)
    base, completed, notes = _with_projection(bases[0], tuned, found.name)
    notes = (*_file_notes([*bases, *tuned]), *notes)
    return Members(base=base, tuned=completed, notes=notes, problems=tuple(problems))


def read_member(name: str, path: Path, label: str, progress: Progress = silent) -> Member:
    """One model, converted the first time.

    Raises:
        CheckpointError: missing, damaged, hostile, or no model.
    """
    converted = _converted(path, Cache(), progress)
    mark_used(converted.path)
    return Member(
        name=name,
        path=path,
        label=label,
        weights=MappingProxyType(converted.open()),
        source_digest=converted.source_digest,
        facts=with_config(converted.facts, path),
    )


def _converted(path: Path, cache: Cache, progress: Progress) -> Converted:
    """`convert`, which reads the whole file for its digest, unless this very file was converted and not touched since.

    The system moves the change time at every write and lets nobody set it, so an equal one is the same content.
    """
    try:
        stats = [file.stat() for file in source_files(path)]
    except OSError:
        return convert(path, progress=progress)
    times = [[stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev] for stat in stats]
    key = digest_of("source", CONVERTER_VERSION, str(path.absolute()), times)
    entry = cache.get(SOURCES, key)
    if entry is not None and Path(entry.meta["path"]).is_file():
        return Converted(Path(entry.meta["path"]), entry.meta["digest"], entry.meta["facts"])
    found = convert(path, progress=progress)
    meta = {"path": str(found.path.absolute()), "digest": found.source_digest, "facts": dict(found.facts)}
    cache.remember(SOURCES, key, lambda: (meta, {}))
    return found


def _file_notes(members: Sequence[Member]) -> list[str]:
    """What reading the files showed, one line for all files of which it is true."""
    voices: dict[str, list[str]] = {}
    for member in members:
        for note in member.facts.get("notes", ()):
            voices.setdefault(note, []).append(member.label)
    return [f"{', '.join(labels)}: {note}" for note, labels in voices.items()]


def _worded(error: CheckpointError, path: Path, label: str) -> str:
    """The message with the file named so that it is found: many are called finetuned.pt."""
    text = str(error)
    if label in text or str(path) in text:
        return text
    return text.replace(path.name, label, 1) if path.name in text else f"{label}: {text}"


def _check_same(bases: Sequence[Member], zoo: str) -> None:
    from mloss_core.state_dicts import state_digest

    first = state_digest(bases[0].weights)
    others = [base.label for base in bases[1:] if state_digest(base.weights) != first]
    if others:
        raise report(
            zoo, [f"{bases[0].label} and {', '.join(others)} hold different weights: all models must share one base."]
        )


def _with_projection(
    base: Member, tuned: Sequence[Member], zoo: str
) -> tuple[Member, dict[str, Member], tuple[str, ...]]:
    """Towers saved without their projection, as Hugging Face's CLIPVisionModel is, get the base's."""
    lacking = [member for member in tuned if PROJECTION not in member.weights]
    if PROJECTION not in base.weights:
        raise report(
            zoo, [f"{base.label} holds no projection (visual_projection.weight); give the whole CLIPModel as the base."]
        )
    if not lacking or len(lacking) < len(tuned):
        return base, {member.name: member for member in tuned}, ()
    shared = {PROJECTION: base.weights[PROJECTION]}
    completed = {
        member.name: dataclasses.replace(member, weights=MappingProxyType(ChainMap(dict(shared), member.weights)))  # type: ignore[arg-type]
        for member in tuned
    }
    return base, completed, (f"the fine-tuned files hold no projection; {base.label}'s is used for all of them.",)
