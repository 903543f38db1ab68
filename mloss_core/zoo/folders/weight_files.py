"""Which files of a folder look like weights, heads or pieces of them, by their names and kinds; none is read here."""

import re
from pathlib import Path

from mloss_core.checkpoints.formats import INDEX_SUFFIX, REPOSITORY_FILES
from mloss_core.zoo.folders.task_names import dataset_name

SUFFIXES = (".pt", ".pth", ".bin", ".safetensors", ".pkl", ".ckpt")
_REPOSITORY = (*REPOSITORY_FILES, "adapter_model.safetensors", "adapter_model.bin")
_PARTIAL = (".incomplete", ".part", ".partial", ".crdownload", ".download", ".aria2", ".tmp")
_OTHER_FORMATS = (".h5", ".msgpack", ".onnx", ".gguf", ".npz", ".npy", ".ot")
_SHARD = re.compile(r"-\d{3,}-of-\d{3,}\.", re.IGNORECASE)
_PRECISION = re.compile(r"[._-](fp16|bf16|fp32|fp8|int8|half)[._-]", re.IGNORECASE)
_AVERAGE = re.compile(r"(?:^|[._-])(ema|swa)(?=[._-])", re.IGNORECASE)
_TRAINING = re.compile(r"(optimizer|scheduler|scaler|training_args|rng_state).*", re.IGNORECASE)
_REVISION = re.compile(r"[A-Za-z0-9._-]{1,100}")


def weights(folder: Path) -> list[Path]:
    """The files of a folder that are read as one model or head each: weight files, and indexes of shards."""
    return sorted(path for path in folder.iterdir() if _is_weight_name(path.name) and path.is_file())


def folders(folder: Path) -> list[Path]:
    """The visible folders in a folder."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir())


def stem(path: Path) -> str:
    """A weight file's name without its endings, that of an index too."""
    return Path(path.name.removesuffix(INDEX_SUFFIX)).stem


def is_head(path: Path) -> bool:
    """Whether a file's name says that it is a head of some dataset."""
    return stem(path).startswith("head_") and bool(dataset_name(stem(path).removeprefix("head_")))


def is_repository(folder: Path) -> bool:
    """Whether a folder looks like a repository of Hugging Face's hub, cloned or cached."""
    if (folder / "snapshots").is_dir():
        return True
    return (folder / "config.json").is_file() and any(path.suffix.lower() in SUFFIXES for path in folder.iterdir())


def repository_weights(folder: Path) -> Path | None:
    """The weight file of a repository, or the index of its weight files: of a cached one those of `refs/main`."""
    for place in _snapshots(folder):
        for name in _REPOSITORY:
            if (place / name).is_file():
                return place / name
    return None


def snapshot_note(folder: Path, chosen: Path) -> str | None:
    """What is to be said of a cached repository with several snapshots where `refs/main` did not decide."""
    places = _snapshots(folder)
    if len(places) < 2 or chosen.parent.name == _main(folder):
        return None
    found = f"{folder.name} has {len(places)} snapshots, and refs/main names none with weights"
    return f"{found}: {chosen.parent.name} is read."


def _snapshots(folder: Path) -> list[Path]:
    """Where a repository's files may be, the first place first: what `refs/main` names, then the newest."""
    if not (folder / "snapshots").is_dir():
        return [folder]
    places = sorted(folders(folder / "snapshots"), key=lambda path: path.stat().st_mtime, reverse=True)
    main = _main(folder)
    return sorted(places, key=lambda path: path.name != main)


def _main(folder: Path) -> str | None:
    path = folder / "refs" / "main"
    if not path.is_file():
        return None
    with path.open("rb") as file:
        text = file.read(200).decode("ascii", "replace").strip()
    return text if _REVISION.fullmatch(text) else None


def why_not_read(path: Path) -> str | None:
    """Why a file that looks like weights is not read, as far as its name and kind tell; an empty text: they do not.

    Returns:
        None where it looks like nothing of that sort.
    """
    name = path.name
    lower = name.lower()
    if name.startswith(".") or _TRAINING.fullmatch(name):
        return None
    ending = next((part for part in _PARTIAL if lower.endswith(part)), None)
    if ending is not None:
        whole = name[: -len(ending)]
        return "a download that is not complete" if _looks_like_weights(whole) else None
    gone = path.is_symlink() and not path.exists()
    # A link without an ending led to a folder, perhaps of a model.
    if gone and (_looks_like_weights(name) or not path.suffix):
        return "a link whose target is gone"
    if not _looks_like_weights(name) or path.is_dir():
        return None
    if not path.is_file():
        return "no regular file"
    if Path(lower).suffix in _OTHER_FORMATS:
        return "of a format that is not read"
    if _SHARD.search(name):
        return "a shard without an index"
    if _PRECISION.search(name):
        return "of another precision"
    return "a moving average" if _AVERAGE.search(name) else ""


def first_copies(files: list[Path]) -> list[Path]:
    """The files without those that are another precision, or a moving average, of one that is there too."""
    stems = {stem(path) for path in files}
    return [path for path in files if (plain := _unmarked(path)) == stem(path) or plain not in stems]


def _unmarked(path: Path) -> str:
    """A file's stem without what tells its precision or that it is a moving average."""
    name = f"{stem(path)}."
    for mark in (_PRECISION, _AVERAGE):
        name = mark.sub(lambda found: found[0][-1] if found[0][-1] in "._-" else "", name)
    return name.strip("._-")


def is_other_format(path: Path) -> bool:
    """Whether a file's ending is that of another framework's weights."""
    return path.suffix.lower() in _OTHER_FORMATS


def is_shard(path: Path) -> bool:
    """Whether a file's name says that it is one of several pieces."""
    return bool(_SHARD.search(path.name))


def _is_weight_name(name: str) -> bool:
    if name.startswith(".") or _SHARD.search(name):
        return False
    return Path(name.lower().removesuffix(INDEX_SUFFIX)).suffix in SUFFIXES


def _looks_like_weights(name: str) -> bool:
    lower = name.lower().removesuffix(INDEX_SUFFIX)
    return Path(lower).suffix in SUFFIXES or (
        Path(lower).suffix in _OTHER_FORMATS
        and lower.startswith(("head", "model", "pytorch", "flax", "tf_", "open_clip"))
    )
