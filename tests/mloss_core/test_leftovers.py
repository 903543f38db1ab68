import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mloss_core import leftovers
from mloss_core.caching import Cache
from mloss_core.checkpoints.writing import write_safetensors
from mloss_core.lab.jobs.store import JobStore
from mloss_core.lab.jobs.worker import Worker
from mloss_core.leftovers import abandoned, temporaries

CHILD = {**os.environ, "PYTHONPATH": str(Path(leftovers.__file__).resolve().parents[1])}
WRITER = """
import sys, torch
from mloss_core.checkpoints.writing import SafetensorsWriter
with SafetensorsWriter(sys.argv[1], {"a": (torch.float32, (1000,)), "b": (torch.float32, (9,))}) as writer:
    writer.write("a", torch.zeros(1000))
    writer._file.flush()
    print("writing", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def cache(tmp_path):
    (tmp_path / "converted").mkdir()
    return Cache(tmp_path)


@pytest.fixture
def writer(cache):
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(cache.root / "converted" / "out.safetensors")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=CHILD,
    )
    with process:
        assert process.stdout.readline() == "writing\n"
        yield process
        process.kill()


def begun(cache, age=60.0):
    """The writer's temporary file, as if last touched `age` seconds ago."""
    (path,) = temporaries(cache.root / "converted")
    then = path.stat().st_mtime - age
    os.utime(path, (then, then))
    return path


def kill(writer):
    writer.send_signal(signal.SIGKILL)
    writer.wait(10)


def test_a_file_being_written_is_counted_and_stays_however_slow_its_writer(cache, writer):
    path = begun(cache, age=10**6)
    assert cache.sizes() == {"converted": path.stat().st_size}
    assert cache.clear() == 0 and abandoned(path.parent) == []
    assert path.exists()


def test_clearing_takes_what_a_killed_conversion_left_and_says_how_much(cache, writer):
    path = begun(cache)
    size = path.stat().st_size
    kill(writer)
    assert size > 4000 and cache.sizes() == {"converted": size}
    assert cache.clear("merged") == 0 and cache.clear("converted") == size
    assert not path.exists() and cache.sizes() == {}


def test_the_next_worker_sweeps_what_a_killed_one_left(cache, writer):
    path = begun(cache)
    worker = Worker(JobStore(cache.root / "jobs"), "cpu")
    worker.recover()
    assert path.exists()
    kill(writer)
    worker.recover()
    assert not path.exists()


def test_writing_the_same_file_again_sweeps_what_a_killed_writer_left_of_it(cache, writer):
    path = begun(cache)
    kill(writer)
    other = path.with_name(".other.safetensors.1-0a.part")
    other.write_bytes(b"1")
    os.utime(other, (0, 0))
    write_safetensors(path.parent / "out.safetensors", {"a": torch.zeros(3)})
    assert not path.exists() and other.exists()


def test_a_file_just_made_may_not_be_locked_yet(tmp_path):
    (tmp_path / ".writing-1").touch()
    assert abandoned(tmp_path) == []


def test_without_locks_age_decides(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "fcntl", None)
    old, new = tmp_path / ".writing-old", tmp_path / ".writing-new"
    for path, age in ((old, 4000), (new, 3000)):
        path.touch()
        then = path.stat().st_mtime - age
        os.utime(path, (then, then))
    assert abandoned(tmp_path) == [old]
