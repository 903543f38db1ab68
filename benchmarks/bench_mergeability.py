"""Metrics of all pairs: `python -m benchmarks.bench_mergeability [ZOO]`.

Prints for each source of facts the seconds of a cold call (per-model work included), of a call that finds the models'
facts but no pair's, and of one that finds all; and how many singular value decompositions were made, beside the two a
matrix and pair that the published code makes.
"""

import sys
import tempfile
import time
from pathlib import Path

from mloss_core.caching import PAIRS, Cache
from mloss_core.mergeability.metrics.registry import METRICS
from mloss_core.mergeability.pairs import all_pairs, facts_of_pairs, pairwise_metrics
from mloss_core.mergeability.sources import spectra
from mloss_core.mergeability.sources.table import SOURCES
from mloss_core.opening import open_zoo


def main(name: str = "demo") -> None:
    """Measure and print."""
    zoo = open_zoo(name)
    pairs, counted = all_pairs(zoo.tasks), []
    real = spectra._directions
    spectra._directions = lambda change: counted.append(1) or real(change)
    with tempfile.TemporaryDirectory() as folder:
        cache = Cache(Path(folder))
        print(f"{zoo.name}: {len(zoo.tasks)} models, {len(pairs)} pairs")
        print(f"{'source':12} {'cold s':>8} {'models known s':>15} {'all known s':>12}")
        for source in SOURCES:
            times = []
            for forget in (False, True, False):
                if forget:
                    cache.clear(PAIRS)
                begun = time.perf_counter()
                facts_of_pairs(zoo, source, pairs, cache=cache)
                times.append(time.perf_counter() - begun)
            print(f"{source:12} {times[0]:8.2f} {times[1]:15.2f} {times[2]:12.3f}", flush=True)
        pairwise_metrics(zoo, cache=cache)
        begun = time.perf_counter()
        pairwise_metrics(zoo, cache=cache)
        print(f"all {len(METRICS)} metrics from the cache: {time.perf_counter() - begun:.2f} s")
    theirs = 2 * len(spectra.matrix_keys(zoo)) * len(pairs)
    print(f"decompositions: {len(counted)} ({theirs} as published, {theirs / len(counted):.1f} times as many)")


if __name__ == "__main__":
    main(*sys.argv[1:])
