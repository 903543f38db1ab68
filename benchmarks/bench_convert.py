"""Seconds and peak anonymous memory of converting one real-sized file of each container, beside a plain torch.load.

    python -m benchmarks.make_checkpoints --out DIR --models 1
    python -m benchmarks.bench_convert --files DIR

Every line is a process of its own; memory is counted above its start, with the imports done. The baseline loads the
state dict of the same weights, the friendliest file that torch reads, and does nothing else with it.
"""

import argparse
import tempfile
from pathlib import Path

import torch

from benchmarks.make_checkpoints import FORMATS
from benchmarks.measuring import measured
from mloss_core.checkpoints import converting


def convert(path: Path, folder: Path) -> int:
    """Convert one file; its new size in bytes."""
    return converting.convert(path, folder=folder).path.stat().st_size


def plain_load(path: Path) -> int:
    """Load a state dict with torch; its number of tensors."""
    return len(torch.load(path, weights_only=True))


def source(folder: Path) -> Path | None:
    """The file to convert of a zoo: the largest one."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    indices = [path for path in files if path.name.endswith(".index.json")]
    return indices[0] if indices else max(files, key=lambda path: path.stat().st_size, default=None)


def main() -> None:
    """Convert a file of each format that is there."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=Path, required=True, help="what make_checkpoints made")
    options = parser.parse_args()
    print(f"{'format':20} {'file MB':>8} {'out MB':>8} {'seconds':>8} {'peak MB above start':>20}")
    for format in FORMATS:
        path = source(options.files / format)
        if path is None:
            continue
        with tempfile.TemporaryDirectory(dir=options.files) as folder:
            run = measured(convert, path, Path(folder))
        size = sum(file.stat().st_size for file in path.parent.iterdir() if file.is_file())
        size = size if path.suffix == ".json" else path.stat().st_size
        line = f"{size / 1e6:8.0f} {run.result / 1e6:8.0f} {run.seconds:8.2f} {run.above / 1e6:20.0f}"
        print(f"{format:20} {line}", flush=True)
    states = source(options.files / "state-dict")
    if states is not None:
        run = measured(plain_load, states)
        size = states.stat().st_size / 1e6
        print(f"{'torch.load':20} {size:8.0f} {'':8} {run.seconds:8.2f} {run.above / 1e6:20.0f}")


if __name__ == "__main__":
    main()
