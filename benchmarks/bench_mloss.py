"""How long M-Loss takes against the bare matrix products of the same shapes, in the same run.

    python -m benchmarks.bench_mloss [--width 64] [--layers 12] [--models 8] [--images 128] [--threads 1]

Prints the best of a few runs of each: one forward plus all sites, and the products alone. The ratio says what the
activations, the sums and the resampling cost on top.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch

from mloss_core import MLossOptions, measure_mloss
from mloss_core.caching import Cache
from tests.zoos import tiny_zoo


def best(function, repeats: int) -> float:
    """Seconds of the quickest of some runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, value in {"width": 64, "layers": 12, "models": 8, "images": 128, "threads": 1, "repeats": 5}.items():
        parser.add_argument(f"--{name}", type=int, default=value)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    each = options.images // options.models
    zoo = tiny_zoo(options.models, options.width, options.layers, images=max(40, each))
    shape = zoo.architecture
    inputs = torch.randn(options.images * shape.tokens, shape.width)
    weight = torch.randn(shape.mlp_width, shape.width)

    def products() -> None:
        for _ in range(shape.layers * options.models):
            inputs @ weight.T

    seed = iter(range(10**6))

    def measure() -> None:
        with tempfile.TemporaryDirectory() as folder:
            measure_mloss(zoo, preset=MLossOptions(samples_per_task=each, seed=next(seed)), cache=Cache(Path(folder)))

    bare, whole = best(products, options.repeats), best(measure, options.repeats)
    print(
        f"{options.models} models, width {shape.width}, {shape.layers} blocks, {options.images} images of "
        f"{shape.tokens} tokens, {options.threads} thread(s)"
    )
    print(f"matrix products alone  {1e3 * bare:8.1f} ms")
    print(f"M-Loss, all of it      {1e3 * whole:8.1f} ms   ratio {whole / bare:.1f}")


if __name__ == "__main__":
    main()
