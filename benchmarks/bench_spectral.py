"""Spectral merges of a real-sized zoo into a file: the first run, and the second with its decompositions in the cache.

    python -m benchmarks.make_checkpoints --out DIR --formats state-dict --models 8
    python -m benchmarks.bench_spectral --zoo DIR/state-dict [--methods iso_c,tsv_m,iso_cts]

The plain baseline is one LAPACK SVD (float32) of every matrix of one model, which Iso-C needs once, TSV-M once a model
and twice more. Each line is a process of its own with the files converted; the cache of decompositions is emptied
before each method's first run. Threads are those that torch takes; the methods themselves use one, so that bits repeat.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from benchmarks.bench_merge_memory import prepare
from benchmarks.measuring import Measured, measured
from mloss_core import Recipe, merge, open_zoo
from mloss_core.caching import Cache
from mloss_core.merging.tensors.tensor_policy import MATRIX, TensorPolicy
from mloss_core.state_dicts import task_vector


def ours(folder: Path, method: str, out: Path) -> None:
    """Merge the zoo into a file."""
    merge(open_zoo(folder, "cpu"), Recipe(method=method), out=out)


def plain(folder: Path) -> int:
    """Decompose every matrix of one task vector with LAPACK; the number of matrices."""
    zoo, policy, count = open_zoo(folder, "cpu"), TensorPolicy(), 0
    for key, tensor in zoo.pretrained.weights.items():
        if policy.kind(key, tensor) == MATRIX:
            torch.linalg.svd(task_vector(zoo.pretrained.weights, zoo.sources()[0].weights, key), full_matrices=False)
            count += 1
    return count


def line(name: str, run: Measured) -> None:
    """Print one measurement."""
    print(f"{name:32} {run.seconds:9.1f} {run.above / 1e6:20.0f}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=Path, required=True, help="a zoo of state dicts that make_checkpoints made")
    parser.add_argument("--methods", default="iso_c,tsv_m", help="which methods (default iso_c,tsv_m)")
    options = parser.parse_args()
    print(f"{measured(prepare, options.zoo).result} models in {options.zoo}, {time.strftime('%Y-%m-%d')}")
    print(f"{'':32} {'seconds':>9} {'peak MB above start':>20}")
    line("one LAPACK SVD of each matrix", measured(plain, options.zoo))
    for method in options.methods.split(","):
        Cache().clear("spectra")
        with tempfile.TemporaryDirectory(dir=options.zoo.parent) as folder:
            for words in ("first run", "decompositions cached"):
                line(f"{method}, {words}", measured(ours, options.zoo, method, Path(folder) / "merged.safetensors"))


if __name__ == "__main__":
    main()
