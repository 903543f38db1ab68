"""Opening a zoo by name: the one place above the embedded zoos and folders of checkpoints."""

from pathlib import Path

import torch

from mloss_core.errors import ZooError
from mloss_core.placement import free_room, resolve_device
from mloss_core.types import Progress, silent
from mloss_core.zoo.embedded import DEFAULT_ZOO, EMBEDDED
from mloss_core.zoo.locating import ROOT, zoo_folder
from mloss_core.zoo.model import Zoo


def open_zoo(
    source: "str | Path" = DEFAULT_ZOO, device: "str | torch.device" = "auto", progress: Progress = silent
) -> Zoo:
    """Open an embedded zoo (`demo`), a folder of checkpoints, or one of that name in `./checkpoints`.

    Args:
        source: the zoo's name or folder; see `mloss_core.zoo.folders.discovery` for the layouts that are known.
        device: where encoders run: auto, cpu or cuda:N.
        progress: told while the files of a folder are converted, which happens once.

    Raises:
        ZooError: `source` is neither a known name nor a folder that holds a zoo, or something is wrong with its files;
            the message names all of it.
        CheckpointError: a weight file of a zoo made by 'demo build' is damaged.
    """
    chosen = resolve_device(device)
    return _opened(source, chosen, progress).staying(free_room(chosen))


def _opened(source: "str | Path", chosen: torch.device, progress: Progress) -> Zoo:
    from mloss_core.demo import MANIFEST_NAME, open_demo_zoo

    embedded = EMBEDDED.get(str(source))
    if embedded is not None:
        return open_demo_zoo(chosen, embedded=embedded)
    path = zoo_folder(source)
    if not path.exists():
        raise ZooError(f"no zoo {str(source)!r}: {_embedded_words()}, and there is no such folder here or in ./{ROOT}.")
    if not path.is_dir():
        raise ZooError(f"a zoo must be a folder of checkpoints; {path} is a file.")
    if (path / MANIFEST_NAME).is_file():
        return open_demo_zoo(chosen, folder=path)
    from mloss_core.zoo.folders.opening import open_folder

    return open_folder(path, chosen, progress)


def _embedded_words() -> str:
    names = ", ".join(map(repr, EMBEDDED))
    return f"{names} is the embedded one" if len(EMBEDDED) == 1 else f"{names} are the embedded ones"
