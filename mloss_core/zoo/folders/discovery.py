"""Finding a zoo's files in the layouts of the wild, by their names; no weights are read here."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from mloss_core.errors import CheckpointError, ZooError
from mloss_core.zoo.folders.description import NAME, YAML_NAME, Description, datasets_folder, read_description
from mloss_core.zoo.folders.overlooked import listing, overlooked
from mloss_core.zoo.folders.task_names import is_base_name, task_name
from mloss_core.zoo.folders.weight_files import (
    first_copies,
    folders,
    is_head,
    is_repository,
    repository_weights,
    snapshot_note,
    stem,
    weights,
)

MANIFEST = "manifest.json"
"""What 'demo build' writes beside the weights of a zoo."""
_TUNED = ("finetuned", "nonlinear_finetuned")
_BASES = ("zeroshot", "nonlinear_zeroshot")


@dataclasses.dataclass(frozen=True, kw_only=True)
class FoundZoo:
    """The files of a zoo.

    Args:
        folder: where it lies.
        name: of the zoo.
        layout: how the files are arranged, in words.
        pretrained: files that hold the common ancestor; where there are several, all hold the same weights.
        finetuned: file of each model by task.
        heads: file of each zero-shot head by task.
        described: what `zoo.json` says; nothing where there is none.
        datasets: folder of datasets that `zoo.json` names.
        notes: what the user should know.
    """

    folder: Path
    name: str
    layout: str
    pretrained: tuple[Path, ...]
    finetuned: Mapping[str, Path]
    heads: Mapping[str, Path]
    described: Description = dataclasses.field(default_factory=Description)
    datasets: Path | None = None
    notes: tuple[str, ...] = ()

    def label(self, path: Path) -> str:
        """How messages name a file: relative to the zoo's folder."""
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else str(path)


@dataclasses.dataclass(frozen=True)
class _Files:
    """What one layout finds.

    Args:
        layout: its name.
        bases: candidates for the base.
        tuned: each fine-tuned file by dataset.
        merged: files that a merge wrote.
        rule: why files at other places are not read.
        notes: what the user should know.
    """

    layout: str
    bases: tuple[Path, ...]
    tuned: tuple[tuple[str, Path], ...]
    merged: tuple[Path, ...] = ()
    rule: str = "not named in zoo.json"
    notes: tuple[str, ...] = ()


def discover(folder: Path) -> FoundZoo:
    """The zoo that a folder holds, or the only one among its sub-folders.

    Raises:
        ZooError: there is none, or its files are not enough; the message says what was found and what is missing.
    """
    try:
        described, files = read_description(folder), _look(folder)
        if described is None and files is None:
            return discover(_only_zoo_below(folder))
        return _found(folder, described or Description(), files or _Files("files named in zoo.json", (), ()))
    except OSError as error:
        raise ZooError(f"{folder} cannot be read: {error.strerror or error}.") from error


def looks_like_zoo(folder: Path) -> bool:
    """Whether file names alone let one expect a zoo here. Cheap; loads no torch.

    Raises:
        OSError: the folder cannot be read.
    """
    if any((folder / name).is_file() for name in (NAME, YAML_NAME, MANIFEST)) or any(True for _ in weights(folder)):
        return True
    return any(_named(child, _TUNED) or is_repository(child) for child in folders(folder))


def _look(folder: Path) -> _Files | None:
    """The files of the first layout that fits."""
    return _by_dataset(folder) or _repositories(folder) or _flat(folder)


def _by_dataset(folder: Path) -> _Files | None:
    """`<Dataset>/finetuned.pt` or `<Dataset>Val/nonlinear_finetuned.pt`; `zeroshot.pt` above or beside them."""
    children = folders(folder)
    tuned = tuple((child.name, path) for child in children for path in _named(child, _TUNED))
    if not tuned:
        return None
    above = tuple(_named(folder, _BASES))
    beside = tuple(path for child in children for path in _named(child, _BASES))
    bases = above or beside or _loose_bases(folder)
    return _Files("<Dataset>/finetuned.pt", bases, tuned, rule=f"models here are called {' or '.join(_TUNED)}")


def _repositories(folder: Path) -> _Files | None:
    """A folder of Hugging Face repositories, as cloned or as its cache keeps them (`models--<owner>--<name>`)."""
    places = [(child, path) for child in folders(folder) if (path := repository_weights(child)) is not None]
    if not places:
        return None
    found = [(child.name.rpartition("--")[2], path) for child, path in places]
    bases = tuple(path for name, path in found if is_base_name(name))
    tuned = tuple((name, path) for name, path in found if not is_base_name(name))
    return _Files(
        "Hugging Face repositories",
        bases or _loose_bases(folder),
        tuned,
        rule="not a repository's weights by its name",
        notes=tuple(note for child, path in places if (note := snapshot_note(child, path))),
    )


def _flat(folder: Path) -> _Files | None:
    """Weight files side by side, one of them recognisable as the pretrained model."""
    models = first_copies([path for path in weights(folder) if not is_head(path)])
    merged = tuple(path for path in models if _is_merged(path))
    if len(models) == len(merged):
        return None
    bases = tuple(path for path in models if path not in merged and is_base_name(stem(path)))
    tuned = tuple((stem(path), path) for path in models if path not in {*bases, *merged})
    return _Files("a folder of files", bases, tuned, merged, rule="not beside the pretrained model")


def _described(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (NAME, YAML_NAME))


def _only_zoo_below(folder: Path) -> Path:
    zoos = [child for child in folders(folder) if _described(child) or _look(child) is not None]
    if len(zoos) == 1:
        return zoos[0]
    if zoos:
        names = listing(child.name for child in zoos)
        raise ZooError(f"{folder} holds {len(zoos)} zoos: {names}. Open one of them, as in {folder / zoos[0].name}.")
    found = listing(f"{child.name}/" if child.is_dir() else child.name for child in sorted(folder.iterdir()))
    raise ZooError(
        f"{folder} is no zoo: found {found or 'nothing'}. Expected <Dataset>/finetuned.pt and zeroshot.pt, folders of "
        f"Hugging Face models, weight files with one called zeroshot, pretrained or base, or a {NAME} that names them."
    )


def _found(folder: Path, described: Description, files: _Files) -> FoundZoo:
    pretrained = (described.pretrained,) if described.pretrained else files.bases
    tuned = described.finetuned
    if tuned is None:
        tuned = _by_task(((name, path) for name, path in files.tuned if path not in pretrained), folder)
    heads = described.heads if described.heads is not None else _heads(folder)
    notes = [*files.notes]
    if described.finetuned is None:
        used = (*pretrained, *tuned.values(), *heads.values(), *files.merged)
        notes += overlooked(folder, used, files.rule, described.datasets or datasets_folder(folder))
    _check_enough(folder, pretrained, tuned, files.layout, notes)
    strangers = sorted(set(described.dataset_of) - set(tuned))
    if strangers:
        raise ZooError(f"dataset_of in {NAME} must name models of the zoo; it has {', '.join(strangers)}.")
    own_heads = {task: heads.get(task, heads.get(described.dataset_of.get(task, task))) for task in tuned}
    unused = sorted(task for task, path in heads.items() if path not in own_heads.values())
    notes += [f"heads without a model here are left out: {', '.join(unused)}."] if unused else []
    if described.finetuned is None and files.merged:
        notes.append(f"merged files are left out: {listing(_below(path, folder) for path in files.merged)}.")
    return FoundZoo(
        folder=folder,
        name=described.name or folder.resolve().name,
        layout=files.layout,
        pretrained=pretrained,
        finetuned=tuned,
        heads={task: path for task, path in own_heads.items() if path is not None},
        described=described,
        datasets=described.datasets,
        notes=tuple(notes),
    )


def _by_task(named: Iterable[tuple[str, Path]], folder: Path) -> dict[str, Path]:
    tasks: dict[str, Path] = {}
    for name, path in named:
        task = task_name(name)
        if task in tasks:
            raise ZooError(
                f"{folder} holds two files for {task}: {_below(tasks[task], folder)} and {_below(path, folder)}. "
                f"Move one away, or name the files in {NAME}."
            )
        tasks[task] = path
    return dict(sorted(tasks.items()))


def _heads(folder: Path) -> dict[str, Path]:
    """`head_<Dataset>.pt` beside the models or in `heads/`."""
    places = [folder, folder / "heads"]
    files = [path for place in places if place.is_dir() for path in weights(place) if is_head(path)]
    return _by_task(((stem(path).removeprefix("head_"), path) for path in files), folder)


def _check_enough(
    folder: Path, pretrained: tuple[Path, ...], tuned: Mapping[str, Path], layout: str, notes: list[str]
) -> None:
    also = "".join(f" ({note.removesuffix('.')}.)" for note in notes)
    files = listing(_below(path, folder) for path in tuned.values())
    if not pretrained:
        raise ZooError(
            f"{folder} lacks the pretrained model, which task vectors are measured from. Found {files}; expected "
            f'zeroshot.pt, or a file with pretrained or base in its name, or "pretrained" in {NAME}.{also}'
        )
    if len(pretrained) > 1 and layout == "a folder of files":
        names = listing(_below(path, folder) for path in pretrained)
        raise ZooError(f"{folder} holds several pretrained models: {names}. Name the right one in {NAME}.")
    if not tuned:
        found = listing(_below(path, folder) for path in pretrained)
        raise ZooError(
            f"{folder} lacks fine-tuned models. Found {found}; expected <Dataset>/finetuned.pt or others.{also}"
        )


def _loose_bases(folder: Path) -> tuple[Path, ...]:
    return tuple(first_copies([path for path in weights(folder) if not is_head(path) and is_base_name(stem(path))]))


def _named(folder: Path, stems: tuple[str, ...]) -> list[Path]:
    return [path for path in weights(folder) if stem(path) in stems]


def _is_merged(path: Path) -> bool:
    """Whether a file says that a merge wrote it, so that results kept beside the models do not become models."""
    if path.suffix.lower() != ".safetensors":
        return False
    from mloss_core.checkpoints.reading import read_safetensors

    try:
        with read_safetensors(path) as file:
            return "recipe" in file.metadata
    except CheckpointError:
        return False


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
