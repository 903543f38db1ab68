"""Finding a zoo's files in the layouts of the wild, by their names; no weights are read here."""

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from mloss_core.checkpoints.formats import REPOSITORY_FILES
from mloss_core.errors import CheckpointError, ZooError
from mloss_core.zoo.folders.description import NAME, YAML_NAME, Description, read_description
from mloss_core.zoo.folders.task_names import dataset_name, is_base_name, task_name

MANIFEST = "manifest.json"
"""What 'demo build' writes beside the weights of a zoo."""
SUFFIXES = (".pt", ".pth", ".bin", ".safetensors", ".pkl", ".ckpt")
_TUNED = ("finetuned", "nonlinear_finetuned")
_BASES = ("zeroshot", "nonlinear_zeroshot")
_REPOSITORY = (*REPOSITORY_FILES, "adapter_model.safetensors", "adapter_model.bin")
_LISTED = 8


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
        activation: what `zoo.json` says of all models.
        datasets: folder of datasets that `zoo.json` names.
        notes: what the user should know.
    """

    folder: Path
    name: str
    layout: str
    pretrained: tuple[Path, ...]
    finetuned: Mapping[str, Path]
    heads: Mapping[str, Path]
    activation: str | None = None
    datasets: Path | None = None
    notes: tuple[str, ...] = ()

    def label(self, path: Path) -> str:
        """How messages name a file: relative to the zoo's folder."""
        return path.relative_to(self.folder).as_posix() if path.is_relative_to(self.folder) else str(path)


@dataclasses.dataclass(frozen=True)
class _Files:
    """What one layout finds: its name, candidates for the base, each fine-tuned file by dataset, and merged files."""

    layout: str
    bases: tuple[Path, ...]
    tuned: tuple[tuple[str, Path], ...]
    merged: tuple[Path, ...] = ()


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
    if any((folder / name).is_file() for name in (NAME, YAML_NAME, MANIFEST)) or any(True for _ in _weights(folder)):
        return True
    return any(_named(child, _TUNED) or _is_repository(child) for child in _folders(folder))


def _is_repository(folder: Path) -> bool:
    return (folder / "snapshots").is_dir() or (
        (folder / "config.json").is_file() and any(path.suffix in SUFFIXES for path in folder.iterdir())
    )


def _look(folder: Path) -> _Files | None:
    """The files of the first layout that fits."""
    return _by_dataset(folder) or _repositories(folder) or _flat(folder)


def _by_dataset(folder: Path) -> _Files | None:
    """`<Dataset>/finetuned.pt` or `<Dataset>Val/nonlinear_finetuned.pt`; `zeroshot.pt` above or beside them."""
    children = _folders(folder)
    tuned = tuple((child.name, path) for child in children for path in _named(child, _TUNED))
    if not tuned:
        return None
    above = tuple(_named(folder, _BASES))
    beside = tuple(path for child in children for path in _named(child, _BASES))
    return _Files("<Dataset>/finetuned.pt", above or beside or _loose_bases(folder), tuned)


def _repositories(folder: Path) -> _Files | None:
    """A folder of Hugging Face repositories, as cloned or as its cache keeps them (`models--<owner>--<name>`)."""
    found = [(child.name.rpartition("--")[2], path) for child in _folders(folder) for path in _repository(child)]
    if not found:
        return None
    bases = tuple(path for name, path in found if is_base_name(name))
    tuned = tuple((name, path) for name, path in found if not is_base_name(name))
    return _Files("Hugging Face repositories", bases or _loose_bases(folder), tuned)


def _repository(folder: Path) -> list[Path]:
    """The weight file of a repository, or the index of its weight files."""
    snapshots = folder / "snapshots"
    places = [folder] if not snapshots.is_dir() else sorted(_folders(snapshots), key=lambda path: path.stat().st_mtime)
    for place in reversed(places):
        present = [place / name for name in _REPOSITORY if (place / name).is_file()]
        if present:
            return present[:1]
    return []


def _flat(folder: Path) -> _Files | None:
    """Weight files side by side, one of them recognisable as the pretrained model."""
    weights = [path for path in _weights(folder) if not _is_head(path)]
    merged = tuple(path for path in weights if _is_merged(path))
    if len(weights) == len(merged):
        return None
    bases = tuple(path for path in weights if is_base_name(path.stem))
    tuned = tuple((path.stem, path) for path in weights if path not in {*bases, *merged})
    return _Files("a folder of files", bases, tuned, merged)


def _described(folder: Path) -> bool:
    return any((folder / name).is_file() for name in (NAME, YAML_NAME))


def _only_zoo_below(folder: Path) -> Path:
    zoos = [child for child in _folders(folder) if _described(child) or _look(child) is not None]
    if len(zoos) == 1:
        return zoos[0]
    if zoos:
        names = _listing(child.name for child in zoos)
        raise ZooError(f"{folder} holds {len(zoos)} zoos: {names}. Open one of them, as in {folder / zoos[0].name}.")
    found = _listing(f"{child.name}/" if child.is_dir() else child.name for child in sorted(folder.iterdir()))
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
    _check_enough(folder, pretrained, tuned, files.layout)
    strangers = sorted(set(heads) - set(tuned))
    notes = [f"heads without a model here are left out: {', '.join(strangers)}."] if strangers else []
    if described.finetuned is None and files.merged:
        notes.append(f"merged files are left out: {_listing(_below(path, folder) for path in files.merged)}.")
    return FoundZoo(
        folder=folder,
        name=described.name or folder.resolve().name,
        layout=files.layout,
        pretrained=pretrained,
        finetuned=tuned,
        heads={task: heads[task] for task in tuned if task in heads},
        activation=described.activation,
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
    files = [path for place in places if place.is_dir() for path in _weights(place) if _is_head(path)]
    return _by_task(((path.stem.removeprefix("head_"), path) for path in files), folder)


def _check_enough(folder: Path, pretrained: tuple[Path, ...], tuned: Mapping[str, Path], layout: str) -> None:
    files = _listing(_below(path, folder) for path in tuned.values())
    if not pretrained:
        raise ZooError(
            f"{folder} lacks the pretrained model, which task vectors are measured from. Found {files}; expected "
            f'zeroshot.pt, or a file with pretrained or base in its name, or "pretrained" in {NAME}.'
        )
    if len(pretrained) > 1 and layout == "a folder of files":
        names = _listing(_below(path, folder) for path in pretrained)
        raise ZooError(f"{folder} holds several pretrained models: {names}. Name the right one in {NAME}.")
    if not tuned:
        found = _listing(_below(path, folder) for path in pretrained)
        raise ZooError(f"{folder} lacks fine-tuned models. Found {found}; expected <Dataset>/finetuned.pt or others.")


def _loose_bases(folder: Path) -> tuple[Path, ...]:
    return tuple(path for path in _weights(folder) if not _is_head(path) and is_base_name(path.stem))


def _named(folder: Path, stems: tuple[str, ...]) -> list[Path]:
    return [path for path in _weights(folder) if path.stem in stems]


def _weights(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in SUFFIXES and _visible(path) and path.is_file())


def _folders(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if _visible(path) and path.is_dir())


def _visible(path: Path) -> bool:
    return not path.name.startswith(".")


def _is_head(path: Path) -> bool:
    return path.stem.startswith("head_") and bool(dataset_name(path.stem.removeprefix("head_")))


def _is_merged(path: Path) -> bool:
    """Whether a file says that a merge wrote it, so that results kept beside the models do not become models."""
    if path.suffix != ".safetensors":
        return False
    from mloss_core.checkpoints.reading import read_safetensors

    try:
        with read_safetensors(path) as file:
            return "recipe" in file.metadata
    except CheckpointError:
        return False


def _below(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)


def _listing(names: Iterable[str]) -> str:
    listed = list(names)
    rest = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return ", ".join(listed[:_LISTED]) + rest
