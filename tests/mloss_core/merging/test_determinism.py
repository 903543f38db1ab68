"""The same merge in other processes, with other numbers of threads."""

import os
import subprocess
import sys

CODE = """
import hashlib, torch
from mloss_core.merging import METHODS, merge_state_dicts
from mloss_core.state_dicts import state_digest
from tests.mloss_core.merging.models import extras, finetuned
torch.set_num_threads({threads})
draw = torch.Generator().manual_seed(0)
base = {{"fc1.weight": torch.randn(96, 640, generator=draw), "fc2.weight": torch.randn(33, 257, generator=draw)}}
models = finetuned({{**base, "position_ids": torch.arange(5)}})
base["position_ids"] = torch.arange(5)
for name in sorted(METHODS):
    if METHODS[name].output != "single":
        continue
    guided = "mloss" in METHODS[name].needs
    extra = {{"ranking": "random"}} if guided else {{}}
    print(name, state_digest(merge_state_dicts(base, models, name, seed=7, **extras(name, base), **extra)))
"""


def digests(threads, hash_seed):
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "OMP_NUM_THREADS": str(threads)}
    run = subprocess.run(
        [sys.executable, "-c", CODE.format(threads=threads)],
        capture_output=True,
        text=True,
        check=True,
        env=environment,
    )
    return run.stdout.splitlines()


def test_weights_are_equal_to_the_last_bit():
    first = digests(1, "0")
    assert len(first) >= 6 and len({line.split()[1] for line in first}) == len(first)
    assert digests(4, "1") == first
