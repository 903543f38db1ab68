"""Damage weight files of every format thousands of times, and count what is raised that is no error of ours.

python -m benchmarks.fuzz_checkpoints [--count 5000] [--seed 0]
"""

import argparse
import time

import torch

from tests.checkpoint_mutations import foreign_errors


def main() -> int:
    """Run, print each foreign exception and their number, and say by the exit code whether there was one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=5000, help="mutations (default: 5000)")
    parser.add_argument("--seed", type=int, default=0, help="of the mutations (default: 0)")
    options = parser.parse_args()
    torch.set_num_threads(1)
    started, found = time.perf_counter(), 0
    for text in foreign_errors(options.count, options.seed):
        found += 1
        print(text)
    print(f"{options.count} mutations, {found} foreign exceptions, {time.perf_counter() - started:.0f} s")
    return 1 if found else 0


if __name__ == "__main__":
    raise SystemExit(main())
