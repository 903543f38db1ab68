import sys

import pytest
import torch

from benchmarks.measuring import anonymous_bytes
from mloss_core import memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is measured in /proc")
def test_freed_memory_goes_back_to_the_system():
    import os

    kept = [torch.ones(100_000) for _ in range(200)]
    pins = kept[::20]
    del kept
    held = anonymous_bytes(os.getpid())
    memory.release_freed()
    assert anonymous_bytes(os.getpid()) <= held and all(float(pin[0]) == 1 for pin in pins)


def test_other_systems_are_left_alone(monkeypatch):
    memory._trim.cache_clear()
    monkeypatch.setattr(memory.sys, "platform", "darwin")
    assert memory.release_freed() is None
    memory._trim.cache_clear()
