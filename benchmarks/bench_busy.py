"""How much longer evaluating, merging and measuring the demo zoo take while another program has one processor.

    python -m benchmarks.bench_busy [--repeats 3]

Quiet and busy runs take turns in one process, each with an empty cache; the best of the repeats counts.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from mloss_core import Recipe, evaluate, measure_mloss, merge, open_zoo

RECIPE = Recipe(method="ties")


@contextmanager
def spinning() -> Iterator[None]:
    """Another process that never rests."""
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        time.sleep(0.5)
        yield
    finally:
        process.kill()
        process.wait()


def seconds(action: Callable[[], object]) -> float:
    """How long an action takes that finds nothing in the cache."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLOSS_CACHE"] = folder
        start = time.perf_counter()
        action()
        return time.perf_counter() - start


def main() -> None:
    """Time each action quiet and busy, print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    repeats = parser.parse_args().repeats
    zoo = open_zoo("demo", device="cpu")
    actions: dict[str, Callable[[], object]] = {
        "evaluate": lambda: evaluate(zoo, split="test"),
        "merge": lambda: merge(zoo, RECIPE),
        "measure": lambda: measure_mloss(zoo),
    }
    for name, action in actions.items():
        action()
        quiet, busy = [], []
        for _ in range(repeats):
            quiet.append(seconds(action))
            with spinning():
                busy.append(seconds(action))
        print(f"{name:9} {min(quiet):6.2f} s quiet, {min(busy):6.2f} s busy, ratio {min(busy) / min(quiet):.2f}")


if __name__ == "__main__":
    main()
