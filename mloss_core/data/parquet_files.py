"""Which parquet files of a dataset's folder are read: one configuration, its splits, all their shards.

The hub keeps `data/train-00000-of-00001.parquet`, `<configuration>/train-00000-of-00001.parquet`, and its own
conversions as `<configuration>/train/0000.parquet`.
"""

import re
from collections.abc import Callable
from pathlib import Path

from mloss_core.data.image_folders import SPLIT_NAMES
from mloss_core.errors import DatasetError

Splits = dict[str, list[Path]]
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})")
_NUMBERED = re.compile(r"-?\d{4,5}(-of-\d{5})?(-[0-9a-f]{8,})?$")
_PLAIN = ("", "data", "default")
"""Folders that stand for no configuration, the first that is there before the others."""
_DEPTH = 3
_LISTED = 5


def configurations(folder: Path) -> tuple[dict[str, Splits], list[Path]]:
    """The parquet files by configuration and split, and those whose names tell no split.

    A configuration is called by the folders that its files lie in, `a/b`, and by what their names have besides split
    and shard (`small` of `train-small.parquet`); it is empty for `train.parquet`.
    """
    found: dict[str, Splits] = {}
    others: list[Path] = []
    for path in _parquets(folder):
        places = list(path.relative_to(folder).parts[:-1])
        word, _, more = _NUMBERED.sub("", path.stem).partition("-")
        split = _split(word)
        if split is None and places and _split(places[-1]) is not None:
            split, more = _split(places.pop()), "-".join(filter(None, (word, more)))
        if split is None:
            others.append(path)
        else:
            places += [more] if more else []
            found.setdefault("/".join(places), {}).setdefault(split, []).append(path)
    return found, others


def chosen_files(folder: Path, name: str, readable: Callable[[Path], bool]) -> tuple[Splits, tuple[str, ...]]:
    """The files of the one configuration that is read, by split, and what is said of the others.

    Configurations are never mixed. Those without a train split or without columns of images and class numbers come
    last; then what is in no folder of its own comes first, and after that the alphabet decides.

    Args:
        folder: of the dataset.
        name: of the task, for messages.
        readable: whether a file has the columns that are needed.

    Raises:
        DatasetError: no train split, or a split that lacks shards.
    """
    found, others = configurations(folder)
    if not any("train" in splits for splits in found.values()):
        raise DatasetError(f"{folder} must hold parquet files of a train split, such as train-00000-of-00001.parquet.")
    fitting = [config for config, splits in found.items() if "train" in splits and readable(splits["train"][0])]
    order = sorted(fitting or [config for config, splits in found.items() if "train" in splits], key=_rank)
    chosen = order[0]
    for paths in found[chosen].values():
        _check_shards(paths)
    notes = []
    if len(found) > 1:
        rest = ", ".join(sorted(config or "files in no folder" for config in found if config != chosen)[:_LISTED])
        notes.append(
            f"{name}: {folder} holds {len(found)} configurations; {chosen or 'that in no folder of its own'} is read, "
            f"{rest} {'is' if len(found) == 2 else 'are'} not. Keep only one to choose another."
        )
    if others:
        listed = ", ".join(path.relative_to(folder).as_posix() for path in others[:_LISTED])
        notes.append(f"{name}: {len(others)} parquet files of no known split are not read: {listed}.")
    return found[chosen], tuple(notes)


def has_parquet_files(folder: Path) -> bool:
    """Whether some parquet file names a split."""
    return bool(configurations(folder)[0])


def _parquets(folder: Path) -> list[Path]:
    patterns = ["/".join(["*"] * (depth + 1)) for depth in range(_DEPTH)]
    return sorted(
        path
        for pattern in patterns
        for path in folder.glob(pattern)
        if path.suffix.lower() == ".parquet"
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _split(word: str) -> str | None:
    return next((split for split, names in SPLIT_NAMES.items() if word.lower() in names), None)


def _rank(config: str) -> tuple[int, str]:
    return (_PLAIN.index(config) if config in _PLAIN else len(_PLAIN), config)


def _check_shards(paths: list[Path]) -> None:
    """Refuse a split of which a shard is missing: its figures would be those of other images."""
    shards = [shard.groups() for path in paths if (shard := _SHARD.search(path.name))]
    if not shards:
        return
    counts = {int(of) for _, of in shards}
    if len(counts) > 1 or len(set(shards)) < len(paths):
        raise DatasetError(f"{paths[0].parent} must hold the shards of one download; those of two lie there. Keep one.")
    if len(shards) < max(counts):
        raise DatasetError(
            f"{paths[0].parent} must hold all {max(counts)} shards of {_NUMBERED.sub('', paths[0].stem)}; found "
            f"{len(shards)}. Download the others too."
        )
